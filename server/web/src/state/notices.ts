/* Short messages: what was done, what can be undone, what failed; and what a screen reader is told. */
import { signal } from "@preact/signals";

import { ApiFailure } from "../api/failure";
import { words } from "../words";
import { noticeKeyFailure } from "./session";

export interface Notice {
  readonly text: string;
  readonly isFailure: boolean;
  readonly undo?: () => void;
}

export const UNDO_MS = 5000;
const FAILURE_MS = 10_000;

export const notice = signal<Notice | null>(null);
/** What the polite live region says. */
export const announcement = signal("");

let timer: ReturnType<typeof setTimeout> | undefined;

export function say(text: string, undo?: () => void): void {
  show({ text, isFailure: false, ...(undo ? { undo } : {}) }, UNDO_MS);
}

/** Shows what failed, in the server's words; a missing key opens its dialog. */
export function sayFailure(error: unknown): void {
  if (noticeKeyFailure(error)) return;
  sayProblem(messageOf(error));
}

export const sayProblem = (text: string): void => show({ text, isFailure: true }, FAILURE_MS);

export function dismissNotice(): void {
  clearTimeout(timer);
  notice.value = null;
}

export function announce(text: string): void {
  announcement.value = text;
}

export const messageOf = (error: unknown): string =>
  error instanceof ApiFailure ? error.message : words.failure.unexpected;

function show(shown: Notice, milliseconds: number): void {
  clearTimeout(timer);
  notice.value = shown;
  timer = setTimeout(dismissNotice, milliseconds);
}
