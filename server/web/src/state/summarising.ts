/* Makes room in a chat's context: a summary takes the place of what was said, for the model; people still see it all. */
import { signal } from "@preact/signals";

import { addItems } from "../api/conversations";
import { compact } from "../api/turns";
import { words } from "../words";
import type { Chat } from "./chat";
import { everyItem } from "./exporting";
import { refreshItems } from "./history";
import { say, sayFailure } from "./notices";
import { modelOf } from "./settings";

/** The chat that is being summarised. */
export const summarised = signal<Chat | null>(null);

/** Has the model summarise a chat, and puts the summary at its end. */
export async function summarise(chat: Chat): Promise<void> {
  const id = chat.id.value;
  if (!id || summarised.value) return;
  summarised.value = chat;
  try {
    const items = await everyItem(chat);
    const references = items.map((item) => ({ type: "item_reference", id: item.id }));
    const { output } = await compact(modelOf(chat)?.id ?? "", references);
    await addItems(id, output.filter(({ type }) => type === "compaction"));
    await refreshItems(chat);
    chat.trouble.value = null;
    say(words.said.summarised);
  } catch (error) {
    sayFailure(error);
  } finally {
    summarised.value = null;
  }
}
