/* What is made in a fork of a chat, beside what is there: another answer, another wording, the rest of an answer. */
import { batch } from "@preact/signals";

import * as conversations from "../api/conversations";
import type { Item } from "../api/types";
import { goOnIn, send } from "./answering";
import { chatOf, isLocal, lastQuestion, textOf, type Chat } from "./chat";
import { fetchFamily, openChat, refreshItems } from "./history";
import { sayFailure } from "./notices";
import { showInstead } from "./router";

/** Asks the last question of a chat once more: in the same place if it has no answer, else beside what there is of it. */
export function tryAgain(chat: Chat): Promise<void> {
  const question = lastQuestion(chat);
  return question && question !== chat.items.value.at(-1) ? askAgain(chat, question) : goOnIn(chat);
}

/** Asks once more for what lies behind an item, beside the answer that is there. */
export const askAgain = (chat: Chat, after: Item, prefix = ""): Promise<void> => inFork(chat, after, prefix);

/** Goes on with an answer that ended too early, in a variant that begins with it. */
export async function goOn(chat: Chat, answered: Item): Promise<void> {
  const before = chat.items.value[chat.items.value.findIndex(({ id }) => id === answered.id) - 1];
  if (before) await inFork(chat, before, textOf(answered));
}

/** Asks another wording of a question, beside the first. Returns the chat whose composer gets it back, and null if the
 * server has it. */
export async function edit(chat: Chat, question: Item, text: string): Promise<Chat | null> {
  try {
    const known = await stored(chat, question);
    const position = chat.items.value.indexOf(known);
    const fork = await forkOf(chat, { before: known.id }, chat.items.value.slice(0, position));
    return await send(fork, text);
  } catch (error) {
    sayFailure(error);
    return chat;
  }
}

/** Goes on alone from an item on. */
export async function forkHere(chat: Chat, last: Item): Promise<void> {
  try {
    await forkOf(chat, { item_id: last.id }, chat.items.value.slice(0, chat.items.value.indexOf(last) + 1));
  } catch (error) {
    sayFailure(error);
  }
}

/** Shows a variant in the place of a chat as soon as it is there, so that what both have in common stays where it is. */
export async function showVariant(of: Chat, id: string): Promise<void> {
  const variant = chatOf(id);
  if (variant.state.value === "loading") await openChat(variant);
  showInstead(of.id.value, id);
}

async function inFork(chat: Chat, after: Item, prefix: string): Promise<void> {
  try {
    const known = await stored(chat, after);
    const kept = chat.items.value.slice(0, chat.items.value.indexOf(known) + 1);
    await goOnIn(await forkOf(chat, { item_id: known.id }, kept), prefix);
  } catch (error) {
    sayFailure(error);
  }
}

/** The item as the server has it: right after an answer the page has only its own copy of the question. */
async function stored(chat: Chat, item: Item): Promise<Item> {
  if (!isLocal(item)) return item;
  const place = chat.items.value.indexOf(item) - chat.items.value.length;
  await refreshItems(chat);
  return chat.items.value.at(place) ?? item;
}

async function forkOf(
  chat: Chat,
  until: { readonly item_id: string } | { readonly before: string },
  kept: readonly Item[],
): Promise<Chat> {
  const forked = await conversations.forkConversation(chat.id.value ?? "", until);
  const fork = chatOf(forked.id);
  batch(() => {
    fork.items.value = kept;
    fork.hasOlder.value = chat.hasOlder.value;
    fork.settings.value = chat.settings.value;
    fork.state.value = "ready";
    fork.info.value = forked;
    showInstead(chat.id.value, forked.id);
  });
  void fetchFamily(fork);
  return fork;
}
