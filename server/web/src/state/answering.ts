/* Asks for answers and ends them: a new question, the same once more, another wording, the rest of one. */
import { batch } from "@preact/signals";

import * as conversations from "../api/conversations";
import { ApiFailure } from "../api/failure";
import * as turns from "../api/turns";
import type { Conversation, Item, ResponseObject, ResponseSummary } from "../api/types";
import { count, words } from "../words";
import { chatOf, isLocal, isSaidBy, lastQuestion, settle, textOf, type Chat } from "./chat";
import { refreshSoon } from "./conversations";
import { beginLive, follow, type Open } from "./following";
import { fetchFamily, openChat, refreshItems, takeInfo } from "./history";
import type { Live } from "./live";
import { newName } from "./names";
import { announce, sayFailure } from "./notices";
import { showsProbabilities } from "./preferences";
import { navigate, showInstead } from "./router";
import { isOffline, lookAgain, noticeOutage } from "./server";
import { askForKey, noticeKeyFailure } from "./session";
import { modelOf, untilModelIsThere } from "./settings";
import { keepUntilTaken, keyFor } from "./unsent";

const NUM_ALTERNATIVES = 5;
const NO_SUCH_MODEL = "model_not_found";

/** Asks a question. Returns the chat whose composer gets it back, and null if the server has it. */
export async function send(chat: Chat, text: string): Promise<Chat | null> {
  if (chat.live.value) return chat;
  const question = localQuestion(text);
  const key = keyFor(chat, text);
  const live = beginLive(chat);
  keepUntilTaken(chat, live, text, key);
  chat.items.value = [...chat.items.value, question];
  announce(words.said.answering);
  try {
    await untilModelIsThere(chat, live);
    if (!chat.id.value && !chat.isTemporary.value) await create(chat);
    await answer(chat, live, opening(chat, [asInput(question)], { key }));
  } catch (error) {
    if (!live.responseId.value) return putBack(chat, question, error);
  }
  return null;
}

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

/** Ends the answer that is being made; what there is of it stays. */
export async function stop(chat: Chat): Promise<void> {
  const live = chat.live.value;
  if (!live || live.isStopping.value) return;
  live.isStopping.value = true;
  const id = live.responseId.value;
  if (chat.isTemporary.value || !live.isAsked || (!id && isOffline.value)) return live.abort.abort();
  if (id) return cancel(live, id);
  // It may be at the server already, under an id that is still on its way.
  const end = live.responseId.subscribe((given) => {
    if (given) queueMicrotask(() => (end(), void cancel(live, given)));
  });
}

async function cancel(live: Live, id: string): Promise<void> {
  try {
    await turns.cancelAnswer(id);
  } catch (error) {
    live.isStopping.value = false;
    noticeOutage(error);
    sayFailure(error);
  }
}

/** Shows a chat, and goes on showing the answer that is being made in it. */
export async function visit(chat: Chat): Promise<void> {
  await openChat(chat);
  const id = chat.info.value?.active_response_id;
  if (id && !chat.live.value) await reattach(chat, id);
}

export async function reattach(chat: Chat, responseId: string): Promise<void> {
  const live = beginLive(chat);
  live.responseId.value = responseId;
  try {
    await answer(chat, live, (signal) => turns.follow(responseId, -1, signal));
  } catch (error) {
    if (chat.live.value === live) chat.live.value = null;
    if (!noticeKeyFailure(error)) await openChat(chat);
  }
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

async function goOnIn(chat: Chat, prefix = ""): Promise<void> {
  const live = beginLive(chat);
  announce(words.said.answering);
  try {
    await untilModelIsThere(chat, live);
    await answer(chat, live, opening(chat, [], { key: newName(), prefix }));
  } catch (error) {
    if (!live.responseId.value) refuse(chat, error, () => void goOnIn(chat, prefix));
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

async function create(chat: Chat): Promise<void> {
  const made: Conversation = await conversations.createConversation(chat.settings.value);
  batch(() => {
    settle(chat, made);
    takeInfo(chat, made);
    navigate(made.id, { replace: true });
  });
}

function opening(chat: Chat, input: readonly unknown[], { key, prefix = "" }: { key: string; prefix?: string }): Open {
  const { instructions, defaults } = chat.settings.value;
  const asked = {
    model: modelOf(chat)?.id ?? "",
    ...(showsProbabilities.value
      ? { include: ["message.output_text.logprobs"], top_logprobs: NUM_ALTERNATIVES }
      : {}),
    ...(prefix ? { answer_prefix: prefix } : {}),
  };
  const id = chat.id.value;
  if (id) return (signal) => turns.ask({ ...asked, conversation: id, input }, key, signal);
  const { model: _model, ...sampling } = defaults;
  const whole = chat.items.value.filter(({ type }) => type === "message").map(asInput);
  return (signal) => turns.askUnstored({ ...asked, ...sampling, instructions, input: whole }, signal);
}

/** Follows an answer to its end, and makes it a part of the chat. */
async function answer(chat: Chat, live: Live, open: Open): Promise<void> {
  refreshSoon();
  live.isAsked = true;
  try {
    finish(chat, live, await follow(live, open, !chat.isTemporary.value));
  } catch (error) {
    if (chat.isTemporary.value && live.text) return keepPart(chat, live);
    if (live.responseId.value) await lose(chat, live, error);
    throw error;
  }
}

function finish(chat: Chat, live: Live, response: ResponseObject): void {
  const { output, ...rest } = response;
  const summary: ResponseSummary = rest;
  const origin = { created_at: response.created_at, response: summary };
  batch(() => {
    const before = chat.items.value.filter((item) => !isSaidBy(item, response.id));
    chat.items.value = [...before, ...output.map((item) => ({ ...item, parley: origin }))];
    chat.live.value = null;
    const hasText = output.length > 0;
    if (response.status === "failed" || !hasText) chat.trouble.value = { kind: "ended", response: summary };
  });
  announce(sentenceAbout(response, live));
  if (response.status === "failed") void lookAgain();
  void refreshItems(chat).catch(noticeKeyFailure);
  void fetchFamily(chat);
  refreshSoon();
}

/** The stream of an answer that has begun is lost for good: what the server has of it is shown. */
async function lose(chat: Chat, live: Live, error: unknown): Promise<void> {
  if (chat.live.value !== live) return;
  chat.live.value = null;
  if (error instanceof ApiFailure) {
    await openChat(chat);
    if (chat.state.value !== "gone") chat.trouble.value ??= { kind: "refused", failure: error, again: () => void visit(chat) };
  }
}

function keepPart(chat: Chat, live: Live): void {
  const item = { id: `local_${newName()}`, type: "message", role: "assistant", status: "incomplete" };
  batch(() => {
    chat.items.value = [...chat.items.value, { ...item, content: [{ type: "output_text", text: live.text }] }];
    chat.live.value = null;
  });
  announce(words.said.stopped);
}

/** Takes a question back that the server has not taken. */
function putBack(chat: Chat, question: Item, error: unknown): Chat {
  batch(() => {
    chat.items.value = chat.items.value.filter((item) => item !== question);
    refuse(chat, error);
  });
  return chat;
}

/** Says why there is no answer. If another device is being answered, that is shown. */
function refuse(chat: Chat, error: unknown, again?: () => void): void {
  chat.live.value = null;
  if (error instanceof DOMException && error.name === "AbortError") return;
  if (!(error instanceof ApiFailure)) throw error;
  if (noticeKeyFailure(error)) askForKey();
  noticeOutage(error);
  if (error.kind === "locked" && error.responseId) void visit(chat);
  else if (error.kind === "gone" && error.code !== NO_SUCH_MODEL) chat.state.value = "gone";
  else chat.trouble.value = { kind: "refused", failure: error, ...(again ? { again } : {}) };
}

const localQuestion = (text: string): Item => ({
  id: `local_${newName()}`,
  type: "message",
  role: "user",
  content: [{ type: "input_text", text }],
});

const asInput = (item: Item): unknown => ({ type: "message", role: item.role, content: textOf(item) });

function sentenceAbout(response: ResponseObject, live: Live): string {
  if (response.status === "failed") return response.error?.message ?? words.said.failed;
  if (response.status === "cancelled") return words.said.stopped;
  return words.said.complete(count(live.text.split(/\s+/).filter(Boolean).length, words.units.word));
}
