/* How many tokens the model would read if the draft was sent. */
import { effect } from "@preact/signals";

import { countInput } from "../api/turns";
import type { Chat } from "./chat";
import { draft } from "./composing";
import { modelOf } from "./settings";

const PAUSE_MS = 600;
/** Characters below which a draft does not matter. */
const MIN_LENGTH = 400;

/** Tells the number for a long draft, a moment after it has changed, and null for a short one; returns what ends it. */
export function numDraftTokens(chat: Chat, tell: (tokens: number | null) => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = effect(() => {
    clearTimeout(timer);
    const text = draft.value;
    if (text.length < MIN_LENGTH) tell(null);
    else timer = setTimeout(() => void ask(chat, text).then(tell), PAUSE_MS);
  });
  return () => {
    clearTimeout(timer);
    end();
  };
}

async function ask(chat: Chat, text: string): Promise<number | null> {
  const id = chat.id.value;
  const input = [{ role: "user", content: text }];
  try {
    return await countInput({ model: modelOf(chat)?.id ?? "", input, ...(id ? { conversation: id } : {}) });
  } catch {
    // The sending itself says what is wrong.
    return null;
  }
}
