/* Follows answers to their ends, and makes them a part of their chats. It asks no questions. */
import { batch } from "@preact/signals";

import { ApiFailure } from "../api/failure";
import * as turns from "../api/turns";
import type { ResponseObject, ResponseSummary } from "../api/types";
import { count, words } from "../words";
import { isSaidBy, type Chat } from "./chat";
import { refreshSoon } from "./conversations";
import { beginLive, follow, type Open } from "./following";
import { fetchFamily, openChat, refreshItems } from "./history";
import type { Live } from "./live";
import { newName } from "./names";
import { announce } from "./notices";
import { lookAgain } from "./server";
import { noticeKeyFailure } from "./session";

/** Shows a chat, and goes on showing the answer that is being made in it. */
export async function visit(chat: Chat): Promise<void> {
  await openChat(chat);
  const id = chat.info.value?.active_response_id;
  if (id && !chat.live.value) await reattach(chat, id);
}

/** Shows an answer that is being made at the server already. */
async function reattach(chat: Chat, responseId: string): Promise<void> {
  const live = beginLive(chat);
  live.responseId.value = responseId;
  try {
    await answer(chat, live, (signal) => turns.follow(responseId, -1, signal));
  } catch (error) {
    if (chat.live.value === live) chat.live.value = null;
    if (!noticeKeyFailure(error)) await openChat(chat);
  }
}

/** Follows an answer to its end, and makes it a part of the chat. */
export async function answer(chat: Chat, live: Live, open: Open): Promise<void> {
  void live.name().then(refreshSoon);
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
  void fetchFamily(chat).then(refreshSoon);
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
  const now = Math.floor(Date.now() / 1000);
  const ended = { created_at: now, completed_at: now, usage: null, incomplete_details: null, error: null };
  const response: ResponseSummary = { id: live.responseId.value ?? "", status: "cancelled", model: live.model, ...ended };
  const item = {
    id: `local_${newName()}`,
    type: "message",
    role: "assistant",
    status: "incomplete",
    content: [{ type: "output_text", text: live.text }],
    parley: { created_at: now, response },
  };
  batch(() => {
    chat.items.value = [...chat.items.value, item];
    chat.live.value = null;
  });
  announce(words.said.stopped);
}

function sentenceAbout(response: ResponseObject, live: Live): string {
  if (response.status === "failed") return response.error?.message ?? words.said.failed;
  if (response.status === "cancelled") return words.said.stopped;
  if (response.status === "incomplete" && !response.incomplete_details?.reason) return words.message.cutOff;
  return words.said.complete(count(live.text.split(/\s+/).filter(Boolean).length, words.units.word));
}
