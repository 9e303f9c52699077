/* Saved prompts: the list, what is inserted, what is saved and deleted. */
import { signal } from "@preact/signals";

import * as api from "../api/prompts";
import { ApiFailure } from "../api/failure";
import type { SavedPrompt } from "../api/types";
import { words } from "../words";
import { say, sayFailure } from "./notices";
import { noticeKeyFailure } from "./session";

export const prompts = signal<readonly SavedPrompt[]>([]);
/** Whether the server keeps prompts at all. */
export const hasPrompts = signal(true);

export async function refreshPrompts(): Promise<void> {
  try {
    prompts.value = (await api.listPrompts()).data;
    hasPrompts.value = true;
  } catch (error) {
    if (error instanceof ApiFailure && error.kind === "gone") hasPrompts.value = false;
    else noticeKeyFailure(error);
  }
}

/** Saves a prompt; whether that worked. */
export async function savePrompt(name: string, text: string): Promise<boolean> {
  try {
    await api.savePrompt(name, text);
    say(words.said.promptSaved(name));
    await refreshPrompts();
    return true;
  } catch (error) {
    sayFailure(error);
    return false;
  }
}

export async function removePrompt(prompt: SavedPrompt): Promise<void> {
  try {
    await api.deletePrompt(prompt.id);
    say(words.said.promptDeleted(prompt.name), () => void savePrompt(prompt.name, prompt.text));
  } catch (error) {
    sayFailure(error);
  }
  await refreshPrompts();
}

/** The prompts whose name begins with what stands behind a `/`, then those that have it somewhere. */
export function promptsFor(beginning: string): SavedPrompt[] {
  const wanted = beginning.toLowerCase();
  const found = prompts.value.filter(({ name }) => name.toLowerCase().includes(wanted));
  return found.sort((a, b) => rank(a, wanted) - rank(b, wanted)).slice(0, 8);
}

const rank = ({ name }: SavedPrompt, wanted: string): number => Number(!name.toLowerCase().startsWith(wanted));

/** A prompt's text with its variables filled in; those without a value stay. */
export const fill = (text: string, values: Readonly<Record<string, string>>): string =>
  text.replace(/\{\{\s*([\w-]+)\s*\}\}/g, (whole, name: string) => values[name] ?? whole);
