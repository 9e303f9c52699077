/* Asks questions, and ends their answers. What becomes of the answers: `attending`. */
import { batch } from "@preact/signals";

import * as conversations from "../api/conversations";
import { ApiFailure } from "../api/failure";
import * as turns from "../api/turns";
import type { Conversation, Item } from "../api/types";
import { words } from "../words";
import { answer, visit } from "./attending";
import { settle, textOf, type Chat, type ChatSettings } from "./chat";
import { beginLive, type Open } from "./following";
import { takeInfo } from "./history";
import { newName } from "./names";
import { announce, sayFailure } from "./notices";
import { showsProbabilities } from "./preferences";
import { navigate } from "./router";
import { isOffline, noticeOutage } from "./server";
import { askForKey, noticeKeyFailure } from "./session";
import { modelOf, untilModelIsThere, withDefault } from "./settings";
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

/** Ends the answer that is being made; what there is of it stays. */
export async function stop(chat: Chat): Promise<void> {
  const live = chat.live.value;
  if (!live || live.isStopping.value) return;
  live.isStopping.value = true;
  const isUnheard = !live.responseId.value && isOffline.value;
  if (!live.isAsked || chat.isTemporary.value || isUnheard) return live.abort.abort();
  try {
    await turns.cancelAnswer(await live.name());
  } catch (error) {
    live.isStopping.value = false;
    noticeOutage(error);
    sayFailure(error);
  }
}

/** Asks for an answer to what a chat ends with; it begins with a prefix. */
export async function goOnIn(chat: Chat, prefix = ""): Promise<void> {
  const live = beginLive(chat);
  announce(words.said.answering);
  try {
    await untilModelIsThere(chat, live);
    await answer(chat, live, opening(chat, [], { key: newName(), prefix }));
  } catch (error) {
    if (!live.responseId.value) refuse(chat, error, () => void goOnIn(chat, prefix));
  }
}

/** With the model that is asked first: which one is picked elsewhere later is nothing to this chat. */
function settingsOf(chat: Chat): ChatSettings {
  const { instructions, defaults } = chat.settings.value;
  return { instructions, defaults: withDefault(defaults, "model", modelOf(chat)?.id ?? null) };
}

async function create(chat: Chat): Promise<void> {
  const made: Conversation = await conversations.createConversation(settingsOf(chat));
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
