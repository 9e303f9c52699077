/* How a chat answers: its model, its instructions, its numbers. What is not set is as the server has it. */
import { effect } from "@preact/signals";

import * as conversations from "../api/conversations";
import type { ChatDefaults, Model } from "../api/types";
import type { Chat, ChatSettings } from "./chat";
import { takeInfo } from "./history";
import type { Live, Phase } from "./live";
import { sayFailure } from "./notices";
import { preferredModel } from "./preferences";
import { areModelsKnown, defaultModel, findModel, isOnItsWay, load, stateOf } from "./server";

/** The model that answers in a chat; null while none is known. */
export const modelOf = (chat: Chat): Model | null =>
  findModel(chat.settings.value.defaults.model) ?? defaultModel.value;

/** Whether a question can be asked; before the models are known it waits for them. */
export const canAsk = (chat: Chat): boolean => !areModelsKnown.value || modelOf(chat) !== null;

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
  await until(() => areModelsKnown.value, live);
  const model = modelOf(chat);
  if (model && stateOf(model) === "unloaded") {
    live.phase.value = "loading";
    await load(model.id);
  }
  await until(() => !isModelOnItsWay(chat), live, "loading");
}

function isModelOnItsWay(chat: Chat): boolean {
  const model = modelOf(chat);
  return model !== null && isOnItsWay(model);
}

function until(isSo: () => boolean, live: Live, phase?: Phase): Promise<void> {
  const { signal: given } = live.abort;
  let end = (): void => undefined;
  const there = new Promise<void>((resolve, reject) => {
    given.addEventListener("abort", () => reject(given.reason));
    end = effect(() => {
      if (isSo()) resolve();
      else if (phase) live.phase.value = phase;
    });
  });
  return there.finally(end);
}
