/* Fetches what a chat has been: its items by pages, its forks, its settings. It asks for no answers. */
import { batch } from "@preact/signals";

import * as conversations from "../api/conversations";
import { ApiFailure } from "../api/failure";
import type { Conversation, Item } from "../api/types";
import { drawAs, isLocal, type Chat } from "./chat";
import { sayFailure } from "./notices";
import { noticeOutage } from "./server";
import { noticeKeyFailure } from "./session";

/** Fetches a chat anew; what is shown stays until it is there. */
export async function openChat(chat: Chat): Promise<void> {
  const id = chat.id.value;
  if (!id) return;
  const live = chat.live.value;
  try {
    const [info, page] = await Promise.all([conversations.retrieveConversation(id), conversations.listItems(id)]);
    if (chat.live.value !== live) return; // What has been asked meanwhile is newer than this.
    batch(() => {
      takeInfo(chat, info);
      takeNewest(chat, page.data, page.has_more);
      if (!isStillRefused(chat)) chat.trouble.value = unfinished(chat, info);
      chat.state.value = "ready";
    });
    void fetchFamily(chat);
  } catch (error) {
    failed(chat, error);
  }
}

/** Fetches the newest items, after an answer. */
export async function refreshItems(chat: Chat): Promise<void> {
  if (!chat.id.value) return;
  const live = chat.live.value;
  const page = await conversations.listItems(chat.id.value);
  if (chat.live.value !== live) return;
  batch(() => takeNewest(chat, page.data, page.has_more));
}

export async function fetchOlder(chat: Chat): Promise<void> {
  const oldest = chat.items.value[0];
  if (!oldest || !chat.id.value || !chat.hasOlder.value) return;
  try {
    const page = await conversations.listItems(chat.id.value, oldest.id);
    if (chat.items.value[0]?.id !== oldest.id) return;
    batch(() => {
      chat.items.value = [...page.data.toReversed(), ...chat.items.value];
      chat.hasOlder.value = page.has_more;
    });
  } catch (error) {
    sayFailure(error);
  }
}

/** Fetches the forks of a chat; without them there are just no variants to go to. */
export async function fetchFamily(chat: Chat): Promise<void> {
  const rootId = chat.info.value?.root_id;
  if (!rootId) return;
  try {
    chat.family.value = (await conversations.listFamily(rootId)).data;
  } catch (error) {
    noticeKeyFailure(error);
  }
}

export function takeInfo(chat: Chat, info: Conversation): void {
  chat.info.value = info;
  chat.settings.value = { instructions: info.instructions ?? null, defaults: info.defaults ?? {} };
}

function takeNewest(chat: Chat, newestFirst: readonly Item[], hasMore: boolean): void {
  const known = new Map(chat.items.value.map((item) => [item.id, item]));
  const newest = newestFirst.toReversed().map((item) => unchanged(known.get(item.id), item));
  const firstKnown = chat.items.value.findIndex((item) => item.id === newest[0]?.id);
  for (const [index, item] of chat.items.value.entries()) {
    const taken = newest[newest.length + index - chat.items.value.length];
    if (taken && isLocal(item) && taken.role === item.role) drawAs(taken.id, item);
  }
  const before = firstKnown > 0 ? chat.items.value.slice(0, firstKnown) : [];
  chat.items.value = [...before, ...newest];
  if (!before.length) chat.hasOlder.value = hasMore;
}

/** The item that is known already if it is the same, so that it is not drawn again. */
function unchanged(known: Item | undefined, item: Item): Item {
  const isSame = known?.status === item.status && known?.parley?.response?.status === item.parley?.response?.status;
  return known && isSame ? known : item;
}

/** Why the newest answer is not there, unless it is. */
function unfinished(chat: Chat, info: Conversation): Chat["trouble"]["value"] {
  const last = info.parley?.last_response;
  if (info.active_response_id) return null;
  if (!last || last.status === "completed") return chat.items.value.at(-1)?.role === "user" ? { kind: "unanswered" } : null;
  const isShown = chat.items.value.at(-1)?.parley?.response?.id === last.id;
  return last.status === "failed" || !isShown ? { kind: "ended", response: last } : null;
}

function failed(chat: Chat, error: unknown): void {
  if (noticeKeyFailure(error)) return;
  const isGone = error instanceof ApiFailure && (error.kind === "gone" || error.kind === "refused");
  if (isGone) chat.state.value = "gone";
  else if (chat.state.value !== "ready") chat.state.value = "failed";
  else noticeOutage(error);
}

/** What was refused stays so until it is asked again, but for a key: there is another one now. */
function isStillRefused(chat: Chat): boolean {
  const trouble = chat.trouble.value;
  return trouble?.kind === "refused" && trouble.failure.kind !== "key";
}
