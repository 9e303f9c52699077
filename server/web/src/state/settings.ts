/* How a chat answers: its model, its instructions, its numbers. What is not set is as the server has it. */
import { effect } from "@preact/signals";

import * as conversations from "../api/conversations";
import type { ChatDefaults, Model } from "../api/types";
import type { Chat, ChatSettings } from "./chat";
import { takeInfo } from "./history";
import type { Live } from "./live";
import { sayFailure } from "./notices";
import { preferredModel } from "./preferences";
import { defaultModel, findModel, isOnItsWay, load, stateOf } from "./server";

/** The model that answers in a chat; null while none is known. */
export const modelOf = (chat: Chat): Model | null =>
  findModel(chat.settings.value.defaults.model) ?? defaultModel.value;

/** Changes how a chat answers, here and at the server. */
export async function changeSettings(chat: Chat, change: Partial<ChatSettings>): Promise<void> {
  const before = chat.settings.value;
  chat.settings.value = { ...before, ...change };
  if (!chat.id.value) return;
  try {
    takeInfo(chat, await conversations.changeConversation(chat.id.value, change));
  } catch (error) {
    chat.settings.value = before;
    sayFailure(error);
  }
}

/** Picks the model of a chat, and of the chats that are begun from now on. */
export async function pickModel(chat: Chat, model: Model): Promise<void> {
  preferredModel.value = model.id;
  await changeSettings(chat, { defaults: withDefault(chat.settings.value.defaults, "model", model.id) });
}

/** The defaults with one of them set, or without it. */
export function withDefault<K extends keyof ChatDefaults>(
  defaults: ChatDefaults,
  name: K,
  value: ChatDefaults[K] | null,
): ChatDefaults {
  const { [name]: _old, ...others } = defaults;
  return value === null || value === undefined ? others : { ...others, [name]: value };
}

/** Waits for as long as the model of a chat is on its way; rejects when the wait is given up. */
export async function untilModelIsThere(chat: Chat, live: Live): Promise<void> {
  const model = modelOf(chat);
  if (model && stateOf(model) === "unloaded") await load(model.id);
  const { signal: given } = live.abort;
  let end = (): void => undefined;
  const there = new Promise<void>((resolve, reject) => {
    given.addEventListener("abort", () => reject(given.reason));
    end = effect(() => {
      const wanted = modelOf(chat);
      if (!wanted || !isOnItsWay(wanted)) resolve();
      else live.phase.value = "waiting";
    });
  });
  return there.finally(end);
}
