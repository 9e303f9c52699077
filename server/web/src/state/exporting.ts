/* A whole chat as a file: Markdown for people, JSON for programs. */
import { listItems } from "../api/conversations";
import type { Item } from "../api/types";
import { words } from "../words";
import { textOf, type Chat } from "./chat";
import { sayFailure } from "./notices";

export type Format = "markdown" | "json";

/** Gives the browser a file with everything that was said in a chat. */
export async function exportChat(chat: Chat, format: Format): Promise<void> {
  try {
    const items = await everyItem(chat);
    const title = chat.info.value?.title ?? words.untitled;
    const isJson = format === "json";
    const text = isJson ? JSON.stringify({ conversation: chat.info.value, items }, null, 2) : asMarkdown(title, items);
    offer(`${title.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 60)}.${isJson ? "json" : "md"}`, text, isJson);
  } catch (error) {
    sayFailure(error);
  }
}

/** Everything that was said, oldest first. */
export async function everyItem(chat: Chat): Promise<Item[]> {
  const id = chat.id.value;
  if (!id) return [...chat.items.value];
  const items: Item[] = [];
  for (let hasMore = true; hasMore; ) {
    const page = await listItems(id, items.at(-1)?.id);
    items.push(...page.data);
    hasMore = page.has_more && page.data.length > 0;
  }
  return items.reverse();
}

export function asMarkdown(title: string, items: readonly Item[]): string {
  const said = items.filter((item) => item.type === "message");
  const parts = said.map((item) => `## ${item.role === "user" ? words.you : words.assistant}\n\n${textOf(item)}\n`);
  return [`# ${title}\n`, ...parts].join("\n");
}

function offer(name: string, text: string, isJson: boolean): void {
  const url = URL.createObjectURL(new Blob([text], { type: isJson ? "application/json" : "text/markdown" }));
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
