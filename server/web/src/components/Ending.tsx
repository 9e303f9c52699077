/* How an answer ended, where that was not by itself. */
import type { ResponseSummary } from "../api/types";
import { words } from "../words";

interface Props {
  readonly response: ResponseSummary;
  readonly onGoOn: (() => void) | undefined;
}

export function Ending({ response, onGoOn }: Props) {
  const isLength = response.incomplete_details?.reason === "max_output_tokens";
  const text = textFor(response, isLength);
  if (!text) return null;
  return (
    <p class="ending">
      {text}
      {isLength && onGoOn && (
        <button type="button" class="button button-small" onClick={onGoOn}>
          {words.message.goOn}
        </button>
      )}
    </p>
  );
}

function textFor({ status, error }: ResponseSummary, isLength: boolean): string | null {
  if (status === "cancelled") return words.message.stopped;
  if (status === "failed") return error?.message ?? words.message.cutOff;
  if (status !== "incomplete") return null;
  return isLength ? words.message.length : words.message.cutOff;
}
