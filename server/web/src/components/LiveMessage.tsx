/* The answer that is being made. */
import { LiveMarkdown } from "../markdown/blocks";
import type { Live, LivePart } from "../state/live";
import { showsProbabilities } from "../state/preferences";
import { words } from "../words";
import { Boundary } from "./Boundary";
import { Reasoning } from "./Reasoning";
import { Tokens } from "./lazy_tokens";

export function LiveMessage({ live }: { live: Live }) {
  const parts = live.parts.value;
  const phase = live.phase.value;
  const isGrowing = phase === "writing" || phase === "thinking";
  return (
    <article class="message answer live" aria-label={words.assistant} aria-busy="true">
      <Boundary text={live.text}>
        {parts.map((part) => (
          <Part key={part.id} part={part} />
        ))}
      </Boundary>
      {!(isGrowing && parts.length) && <p class="phase">{words.phases[phase]}</p>}
    </article>
  );
}

function Part({ part }: { part: LivePart }) {
  if (part.kind === "reasoning") {
    return (
      <Reasoning isOpen={!part.isDone.value} duration={part.duration.value || null}>
        <LiveMarkdown stream={part.text} />
      </Reasoning>
    );
  }
  if (part.kind === "call") return <p class="phase">{words.message.call(part.name)}</p>;
  const hasTokens = showsProbabilities.value && part.numTokens.value > 0;
  return hasTokens ? <Tokens text={part.text.text} tokens={[...part.tokens]} /> : <LiveMarkdown stream={part.text} />;
}
