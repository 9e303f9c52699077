/* Why there is no answer, and what can be done about it. */
import { useEffect, useState } from "preact/hooks";

import type { Chat, Trouble as What } from "../state/chat";
import { tryAgain } from "../state/branching";
import { draft, submit } from "../state/composing";
import { summarise, summarised } from "../state/summarising";
import { words } from "../words";

export function Trouble({ chat }: { chat: Chat }) {
  const trouble = chat.trouble.value;
  if (!trouble || chat.live.value) return null;
  const failure = trouble.kind === "refused" ? trouble.failure : null;
  return (
    <div class="trouble" role="alert">
      <p>{messageOf(trouble)}</p>
      {failure?.requestId && <p class="muted small">{words.failure.requestId(failure.requestId)}</p>}
      <div class="row">
        {codeOf(trouble) === "context_length_exceeded" && chat.id.value ? (
          <button
            type="button"
            class="button"
            disabled={summarised.value !== null}
            aria-busy={summarised.value === chat}
            onClick={() => void summarise(chat)}
          >
            {summarised.value === chat ? words.failure.summarising : words.failure.summarise}
          </button>
        ) : (
          <AgainButton chat={chat} trouble={trouble} />
        )}
      </div>
    </div>
  );
}

function AgainButton({ chat, trouble }: { chat: Chat; trouble: What }) {
  const wait = trouble.kind === "refused" ? trouble.failure.retryAfter : null;
  const seconds = useCountdown(wait ?? 0);
  const again = actionFor(chat, trouble);
  if (!again) return null;
  return (
    <button type="button" class="button" disabled={seconds > 0} onClick={again}>
      {seconds > 0 ? words.failure.tryIn(seconds) : words.failure.tryAgain}
    </button>
  );
}

/** What tries it again; null where that would be of no use. */
function actionFor(chat: Chat, trouble: What): (() => void) | null {
  if (trouble.kind !== "refused") return () => void tryAgain(chat);
  if (trouble.failure.kind === "refused") return null;
  if (trouble.again) return trouble.again;
  return draft.value.trim() ? () => void submit() : null;
}

/** Seconds that are left, counted down. */
function useCountdown(from: number): number {
  const [left, setLeft] = useState(from);
  useEffect(() => {
    setLeft(from);
    const timer = setInterval(() => setLeft((seconds) => Math.max(0, seconds - 1)), 1000);
    return () => clearInterval(timer);
  }, [from]);
  return Math.ceil(left);
}

function messageOf(trouble: What): string {
  if (trouble.kind === "refused") return trouble.failure.message;
  if (trouble.kind === "unanswered") return words.failure.noAnswer;
  const { status, error } = trouble.response;
  if (status === "cancelled") return words.message.stopped;
  return error?.message ?? words.failure.noAnswer;
}

function codeOf(trouble: What): string | null {
  if (trouble.kind === "unanswered") return null;
  return trouble.kind === "refused" ? trouble.failure.code : (trouble.response.error?.code ?? null);
}
