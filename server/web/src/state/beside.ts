/* Two chats side by side: the same questions to two models, or to one with two settings. They begin as one, so that
 * the server has read what they share once. */
import { computed } from "@preact/signals";

import { forkConversation } from "../api/conversations";
import { send } from "./answering";
import { chatOf, currentChat, type Chat } from "./chat";
import { sayFailure } from "./notices";
import { besideId, conversationId, navigate } from "./router";

/** The chat that is shown beside the current one. */
export const besideChat = computed<Chat | null>(() =>
  besideId.value && besideId.value !== conversationId.value ? chatOf(besideId.value) : null,
);

/** Shows a fork of the current chat beside it. */
export async function openBeside(): Promise<void> {
  const chat = currentChat.value;
  if (!chat.id.value) return;
  try {
    const forked = await forkConversation(chat.id.value, {});
    navigate(chat.id.value, { beside: forked.id });
  } catch (error) {
    sayFailure(error);
  }
}

/** Goes on with one of the two alone. */
export const closeBeside = (kept: Chat): void => navigate(kept.id.value);

/** Sends a question to all chats that are shown. Returns the current one if its composer gets it back. */
export async function sendToAll(text: string): Promise<Chat | null> {
  const beside = besideChat.value;
  const sent = send(currentChat.value, text);
  if (beside) void sendBeside(beside, text);
  return sent;
}

/** The chat beside has no composer of its own: what it was refused is sent again by a button. */
async function sendBeside(chat: Chat, text: string): Promise<void> {
  const refused = await send(chat, text);
  const trouble = chat.trouble.value;
  if (!refused || trouble?.kind !== "refused") return;
  chat.trouble.value = { ...trouble, again: () => void sendBeside(chat, text) };
}

