/* Questions that are on their way: what a reload in that moment would lose, and the name under which a question that is
 * sent again after a failure is still one turn. */
import { effect } from "@preact/signals";

import type { Chat } from "./chat";
import type { Live } from "./live";
import { newName } from "./names";
import { keep, recall } from "./storage";

interface Unsent {
  readonly text: string;
  readonly key: string;
  /** Whether it is in no composer. */
  readonly isOut: boolean;
}

/** By chat; this tab remembers them beyond a reload. */
const known = new Map<string, Unsent | null>();

const nameOf = (id: string | null): string => `unsent.${id ?? "new"}`;

function unsentOf(id: string | null): Unsent | null {
  const name = nameOf(id);
  if (!known.has(name)) known.set(name, recall<Unsent>("session", name));
  return known.get(name) ?? null;
}

function note(id: string | null, unsent: Unsent | null): void {
  known.set(nameOf(id), unsent);
  keep("session", nameOf(id), unsent);
}

/** The name of the request that asks this; the same as that of the last one that failed, if that asked the same. */
export function keyFor(chat: Chat, text: string): string {
  const last = unsentOf(chat.id.value);
  return last?.text === text ? last.key : newName();
}

/** Remembers a question until the server has it, or the composer again. */
export function keepUntilTaken(chat: Chat, live: Live, text: string, key: string): void {
  let id = chat.id.value;
  const end = effect(() => {
    if (id !== chat.id.value) note(id, null);
    id = chat.id.value;
    const isTaken = live.responseId.value !== null;
    note(id, isTaken ? null : { text, key, isOut: chat.live.value === live });
    if (isTaken || chat.live.value !== live) queueMicrotask(() => end());
  });
}

/** The question that was on its way when the page was left, for the composer. */
export function recoverUnsent(id: string | null): string {
  const last = unsentOf(id);
  if (!last?.isOut) return "";
  note(id, { ...last, isOut: false });
  return last.text;
}
