/* Two chats side by side: the same questions to two models, or to one with two settings. They begin as one, so that
 * the server has read what they share once. */
import { computed } from "@preact/signals";

import { forkConversation } from "../api/conversations";
import { edit, send, stop } from "./answering";
import { chatOf, currentChat, lastQuestion, type Chat } from "./chat";
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

/** Sends a question to all chats that are shown; whether the current one has it. */
export async function sendToAll(text: string): Promise<boolean> {
  const beside = besideChat.value;
  const sent = send(currentChat.value, text);
  if (beside) void send(beside, text);
  return sent;
}

/** Ends the answers that are being made in the chats that are shown. */
export function stopAll(): void {
  for (const chat of [currentChat.value, besideChat.value]) if (chat) void stop(chat);
}

/** Asks the last question of a chat with other words. */
export async function editLast(chat: Chat, text: string): Promise<boolean> {
  const question = lastQuestion(chat);
  return question ? edit(chat, question, text) : false;
}
