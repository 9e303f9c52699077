/* How much of the model's context a chat fills, with what is being written. */
import { useEffect, useState } from "preact/hooks";

import { short } from "../format";
import type { Chat } from "../state/chat";
import { numDraftTokens } from "../state/counting";
import { modelOf } from "../state/settings";
import { summarise, summarised } from "../state/summarising";
import { words } from "../words";

const NEARLY_FULL = 0.8;

export function Gauge({ chat }: { chat: Chat }) {
  const drafted = useDraftTokens(chat);
  const nCtx = modelOf(chat)?.meta?.n_ctx;
  const used = drafted ?? numReadTokens(chat);
  if (!nCtx || !used) return <span class="gauge" />;
  const isFull = used > nCtx * NEARLY_FULL;
  return (
    <span class="gauge">
      <meter
        min={0}
        max={nCtx}
        high={nCtx * NEARLY_FULL}
        value={Math.min(used, nCtx)}
        aria-label={words.gauge.label(short(used), short(nCtx))}
        title={words.gauge.label(short(used), short(nCtx))}
      />
      <span class="small muted" aria-hidden="true">
        {short(used)} / {short(nCtx)}
      </span>
      {isFull && chat.id.value && (
        <button
          type="button"
          class="button button-small"
          disabled={summarised.value !== null || chat.live.value !== null}
          onClick={() => void summarise(chat)}
        >
          {words.gauge.summarise}
        </button>
      )}
    </span>
  );
}

/** Tokens of the chat as it was read and answered last; nobody knows of a summary how long it is until it is read. */
function numReadTokens(chat: Chat): number {
  const last = chat.items.value.findLast((item) => item.parley?.response?.usage || item.type === "compaction");
  return last?.type === "compaction" ? 0 : (last?.parley?.response?.usage?.total_tokens ?? 0);
}

/** Tokens that would be read if the draft was sent, once it has not changed for a moment and is long enough to matter. */
function useDraftTokens(chat: Chat): number | null {
  const [tokens, setTokens] = useState<number | null>(null);
  useEffect(() => numDraftTokens(chat, setTokens), [chat]);
  return tokens;
}
