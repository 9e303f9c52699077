/* How an answer was made: when, by which model, how long it is and how fast it was. */
import type { ResponseSummary } from "../api/types";
import { duration, speed, time } from "../format";
import { words } from "../words";

export function Stats({ response }: { response: ResponseSummary }) {
  const { usage, timings } = response;
  const cached = usage?.input_tokens_details?.cached_tokens ?? timings?.cache_n ?? 0;
  const said = [
    time(response.completed_at ?? response.created_at),
    response.model,
    usage && words.stats.tokens(usage.output_tokens),
    timings && timings.predicted_n > 1 && words.stats.speed(speed(timings.predicted_per_second)),
    timings?.first_token_ms != null && words.stats.firstToken(duration(timings.first_token_ms)),
    usage && cached > 0 && words.stats.cached(cached, usage.input_tokens),
  ].filter((one): one is string => Boolean(one));
  return (
    <p class="stats" aria-label={words.message.details}>
      {said.join(" · ")}
    </p>
  );
}
