/* Looks for a word in all conversations while it is being typed. */
import { signal } from "@preact/signals";

import { searchConversations } from "../api/conversations";
import { ApiFailure } from "../api/failure";
import type { Match } from "../api/types";
import { messageOf } from "./notices";
import { noticeKeyFailure } from "./session";

const PAUSE_MS = 150;

export const matches = signal<readonly Match[]>([]);
export const isSearching = signal(false);
export const searchFailure = signal("");

let running = new AbortController();
let timer: ReturnType<typeof setTimeout> | undefined;

/** Searches in a moment, and forgets the search before. */
export function search(query: string): void {
  running.abort();
  running = new AbortController();
  clearTimeout(timer);
  searchFailure.value = "";
  isSearching.value = query.trim() !== "";
  if (!isSearching.value) matches.value = [];
  else timer = setTimeout(() => void run(query.trim(), running.signal), PAUSE_MS);
}

async function run(query: string, signal: AbortSignal): Promise<void> {
  try {
    const found = await searchConversations(query, signal);
    if (!signal.aborted) matches.value = found.data;
  } catch (error) {
    if (!(error instanceof ApiFailure) || noticeKeyFailure(error)) return;
    searchFailure.value = messageOf(error);
  } finally {
    if (!signal.aborted) isSearching.value = false;
  }
}
