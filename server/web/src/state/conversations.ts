/* The list of conversations: pages of it, what is renamed, pinned, put away and deleted. It knows no items. */
import { batch, computed, signal } from "@preact/signals";

import * as api from "../api/conversations";
import { ApiFailure } from "../api/failure";
import type { Conversation } from "../api/types";
import { words } from "../words";
import { allChats, chatOf, currentChat, forgetChat, type Chat } from "./chat";
import { say, sayFailure, UNDO_MS } from "./notices";
import { navigate } from "./router";
import { whenServerIsBack } from "./server";
import { noticeKeyFailure, whenKeyChanges } from "./session";

/** Seconds after a turn at which its title may be there. */
const TITLE_SECONDS = [1, 3, 8];
const MOMENT_MS = 50;
const CHANNEL = new BroadcastChannel("parley.conversations");

export const pinned = signal<readonly Conversation[]>([]);
export const listed = signal<readonly Conversation[]>([]);
export const hasMore = signal(false);
export const isListed = signal(false);
/** Whether the conversations that were put away are shown, and not the others. */
export const showsArchive = signal(false);

/** The entry whose title is being typed: in the list, or above the chat. */
export const renamed = signal<{ readonly id: string; readonly isInHeader: boolean } | null>(null);

/** Conversations that are to be deleted in a moment, unless that is undone. */
const doomed = signal<ReadonlySet<string>>(new Set());

const isHere = ({ id }: Conversation): boolean => !doomed.value.has(id);
export const shownPinned = computed(() => pinned.value.filter(isHere));
export const shown = computed(() => listed.value.filter(isHere));

/** Fetches the beginning of the list again; what was scrolled to stays. */
export async function refreshList(): Promise<void> {
  const isArchive = showsArchive.value;
  try {
    const [first, kept] = await Promise.all([
      api.listRoots({ archived: isArchive, pinned: false }),
      isArchive ? { data: [] } : api.listRoots({ archived: false, pinned: true }),
    ]);
    if (isArchive !== showsArchive.value) return;
    batch(() => {
      takeFirst(first.data, first.has_more);
      pinned.value = kept.data;
      isListed.value = true;
    });
  } catch (error) {
    noticeKeyFailure(error);
  }
}

export async function fetchMore(): Promise<void> {
  const last = listed.value.at(-1);
  if (!last || !hasMore.value) return;
  try {
    const page = await api.listRoots({ after: last.id, archived: showsArchive.value, pinned: false });
    if (listed.value.at(-1)?.id !== last.id) return;
    batch(() => {
      listed.value = [...listed.value, ...page.data];
      hasMore.value = page.has_more;
    });
  } catch (error) {
    if (error instanceof ApiFailure && error.kind === "gone") await refreshList();
    else sayFailure(error);
  }
}

function takeFirst(first: readonly Conversation[], more: boolean): void {
  const fresh = new Set(first.map(({ id }) => id));
  const lastKnown = listed.value.findIndex(({ id }) => id === first.at(-1)?.id);
  const beyond = more && lastKnown >= 0 ? listed.value.slice(lastKnown + 1).filter(({ id }) => !fresh.has(id)) : [];
  listed.value = [...first, ...beyond];
  if (!beyond.length) hasMore.value = more;
}

let timers: ReturnType<typeof setTimeout>[] = [];

/** Fetches the list now, and again when a title may have been made. Other tabs do so, too. */
export function refreshSoon(): void {
  CHANNEL.postMessage("changed");
  timers.forEach(clearTimeout);
  timers = [0, ...TITLE_SECONDS].map((seconds) => setTimeout(() => void refreshWithTitle(), seconds * 1000));
}

async function refreshWithTitle(): Promise<void> {
  await refreshList();
  const chat = currentChat.value;
  const found = entryOf(chat.info.value);
  if (found && chat.info.value && chat.info.value.title !== found.title) {
    chat.info.value = { ...chat.info.value, title: found.title };
  }
}

/** The entry of the list under which a conversation is found: that of its family. */
export const entryOf = (conversation: Conversation | null): Conversation | undefined =>
  [...pinned.value, ...listed.value].find(({ id }) => id === (conversation?.root_id ?? conversation?.id));

/** The same of a chat, also if the list does not show it: it was put away, or lies further down. */
export const entryOfChat = (chat: Chat): Conversation | undefined =>
  entryOf(chat.info.value) ?? chat.family.value.find(({ id }) => id === chat.info.value?.root_id);

/** Shows the newest of an entry's variants. */
export const open = (entry: Conversation): void => navigate(entry.family?.newest_conversation_id ?? entry.id);

export const rename = (entry: Conversation, title: string): Promise<void> => change(entry, { title });
export const setPinned = (entry: Conversation, isPinned: boolean): Promise<void> => change(entry, { pinned: isPinned });

export async function setArchived(entry: Conversation, isArchived: boolean): Promise<void> {
  await change(entry, { archived: isArchived, ...(isArchived ? { pinned: false } : {}) });
  say(isArchived ? words.said.archived : words.said.unarchived, () => void change(entry, { archived: !isArchived }));
}

async function change(entry: Conversation, wanted: api.ConversationChange): Promise<void> {
  const before = { pinned: pinned.value, listed: listed.value };
  const apply = (one: Conversation): Conversation => (one.id === entry.id ? { ...one, ...changed(one, wanted) } : one);
  batch(() => {
    pinned.value = pinned.value.map(apply);
    listed.value = listed.value.map(apply);
  });
  for (const chat of allChats()) {
    const { info, family } = chat;
    family.value = family.value.map(apply);
    if (info.value && (info.value.root_id ?? info.value.id) === entry.id) info.value = changed(info.value, wanted);
  }
  try {
    await api.changeConversation(entry.id, wanted);
    CHANNEL.postMessage("changed");
  } catch (error) {
    batch(() => ({ pinned: pinned.value, listed: listed.value } = before));
    sayFailure(error);
  }
  await refreshList();
}

const changed = (one: Conversation, { title, pinned: isPinned, archived }: api.ConversationChange): Conversation => ({
  ...one,
  ...(title === undefined ? {} : { title: title || null }),
  ...(isPinned === undefined ? {} : { pinned: isPinned }),
  ...(archived === undefined ? {} : { archived }),
});

const deletions = new Map<string, { readonly run: () => void; readonly timer: ReturnType<typeof setTimeout> }>();

/** Deletes a conversation with its variants in a moment: until then it can be undone. */
export function remove(entry: Conversation): void {
  const wasOpen = (currentChat.value.info.value?.root_id ?? currentChat.value.id.value) === entry.id;
  doomed.value = new Set([...doomed.value, entry.id]);
  const run = (): void => void removeNow(entry);
  deletions.set(entry.id, { run, timer: setTimeout(run, UNDO_MS) });
  if (wasOpen) navigate(null);
  say(words.said.deleted(entry.title), () => spare(entry, wasOpen));
}

function spare(entry: Conversation, wasOpen: boolean): void {
  clearTimeout(deletions.get(entry.id)?.timer);
  deletions.delete(entry.id);
  doomed.value = new Set([...doomed.value].filter((id) => id !== entry.id));
  if (wasOpen) open(entry);
}

async function removeNow(entry: Conversation): Promise<void> {
  clearTimeout(deletions.get(entry.id)?.timer);
  deletions.delete(entry.id);
  try {
    await api.deleteFamily(entry.id);
    for (const { id } of chatOf(entry.id).family.value) forgetChat(id);
    forgetChat(entry.id);
    CHANNEL.postMessage("changed");
  } catch (error) {
    if (!(error instanceof ApiFailure && error.kind === "gone")) sayFailure(error);
  }
  await refreshList();
  doomed.value = new Set([...doomed.value].filter((id) => id !== entry.id));
}

/** Calls when another tab may have changed something, or the person is back from elsewhere, until the returned function
 * is called. */
export function whenOthersMayHaveChanged(callback: () => void): () => void {
  const over = new AbortController();
  const options = { signal: over.signal };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = (): void => {
    clearTimeout(timer);
    if (document.visibilityState === "visible") timer = setTimeout(callback, MOMENT_MS); // often two events come at once
  };
  document.addEventListener("visibilitychange", look, options);
  addEventListener("focus", look, options);
  CHANNEL.addEventListener("message", look, options);
  return () => over.abort();
}

/** Keeps the list as the server has it, until the returned function is called. */
export function watchConversations(): () => void {
  const over = new AbortController();
  const refresh = (): void => void refreshList();
  const ends = [whenOthersMayHaveChanged(refresh), whenServerIsBack(refresh), whenKeyChanges(refresh)];
  addEventListener("pagehide", () => deletions.forEach(({ run }) => run()), { signal: over.signal });
  refresh();
  return () => {
    over.abort();
    ends.forEach((end) => end());
  };
}
