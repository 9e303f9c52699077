/* What is in the composer: a draft, a question that is being edited, a prompt or a file that was put in. */
import { batch, effect, signal } from "@preact/signals";

import type { Item } from "../api/types";
import { words } from "../words";
import { edit } from "./branching";
import { sendToAll } from "./beside";
import { currentChat, forgetChat, lastQuestion, newChat, startNewChat, textOf, type Chat } from "./chat";
import { draftOf, keepDraft } from "./drafts";
import { say } from "./notices";
import { hasKeyboard } from "./preferences";
import { navigate } from "./router";
import { canAsk } from "./settings";
import { recoverUnsent } from "./unsent";

const LARGEST_FILE = 1_000_000;

export const draft = signal("");
/** The question that is being edited, and what was typed before that. */
export const edited = signal<{ readonly chat: Chat; readonly question: Item; readonly before: string } | null>(null);
/** Counts the times at which the composer should take the focus. */
export const focusWanted = signal(0);

export const focusComposer = (): void => void (hasKeyboard() && focusWanted.value++);

/** Keeps the draft of each chat, until the returned function is called. */
export function watchDrafts(): () => void {
  let shown: Chat | null = null;
  return effect(() => {
    const chat = currentChat.value;
    const id = chat.id.value;
    const text = draft.value;
    if (chat !== shown) {
      shown = chat;
      batch(() => {
        edited.value = null;
        draft.value = joined(recoverUnsent(id), draftOf(id));
      });
      focusComposer();
    } else if (!edited.value && !chat.isTemporary.value) keepDraft(id, text);
  });
}

/** Sends what is in the composer; if the server does not take it, it is there again. */
export async function submit(): Promise<void> {
  const text = draft.value.trim();
  const chat = currentChat.value;
  if (!text || chat.live.value || chat.state.value === "loading" || !canAsk(chat)) return;
  const changed = edited.value;
  const wasNew = chat.id.value === null;
  const rest = changed?.before ?? "";
  batch(() => {
    edited.value = null;
    draft.value = rest;
  });
  keepDraft(chat.id.value, rest);
  if (wasNew) keepDraft(null, "");
  const refused = await (changed ? edit(changed.chat, changed.question, text) : sendToAll(text));
  if (!refused) return;
  if (changed && refused === changed.chat && refused === currentChat.value && !edited.value) resumeEdit(changed, text);
  else giveBack(refused, text);
}

/** Puts a question that was refused before what was typed meanwhile. */
function giveBack(chat: Chat, text: string): void {
  const isShown = currentChat.value === chat;
  if (isShown && edited.value) {
    edited.value = { ...edited.value, before: joined(text, edited.value.before) };
    return;
  }
  const whole = joined(text, isShown ? draft.value : draftOf(chat.id.value));
  keepDraft(chat.id.value, whole);
  if (isShown) draft.value = whole;
}

function resumeEdit(changed: NonNullable<typeof edited.value>, text: string): void {
  batch(() => {
    edited.value = { ...changed, before: draft.value };
    draft.value = text;
  });
}

const joined = (first: string, second: string): string =>
  second.startsWith(first) ? second : [first, second].filter(Boolean).join("\n\n");

export function beginEdit(chat: Chat, question: Item): void {
  batch(() => {
    edited.value = { chat, question, before: edited.value?.before ?? draft.value };
    draft.value = textOf(question);
  });
  focusWanted.value++;
}

export function editLastQuestion(): void {
  const chat = currentChat.value;
  const question = lastQuestion(chat);
  if (question && !chat.live.value && !chat.isTemporary.value) beginEdit(chat, question);
}

export function leaveEdit(): void {
  batch(() => {
    draft.value = edited.value?.before ?? "";
    edited.value = null;
  });
}

/** Puts a text at the end of the draft, on a line of its own. */
export function append(text: string): void {
  draft.value = draft.value ? `${draft.value.trimEnd()}\n\n${text}` : text;
  focusWanted.value++;
}

/** Puts text files into the draft, each in a fence with its name. */
export async function attach(files: Iterable<File>): Promise<void> {
  for (const file of files) {
    const text = await textIn(file);
    if (text !== null) append(`${fenceFor(text)}${nameIn(file)}\n${text.trimEnd()}\n${fenceFor(text)}\n`);
  }
}

async function textIn(file: File): Promise<string | null> {
  if (file.size > LARGEST_FILE) {
    say(words.composer.fileTooLarge(file.name));
    return null;
  }
  const text = await file.text();
  if (!text.includes("\0") && !text.includes("\ufffd")) return text;
  say(words.composer.notText(file.name));
  return null;
}

const nameIn = (file: File): string => file.name.replace(/[\s`]+/g, "_");

/** A fence that is longer than every one in the text. */
const fenceFor = (text: string): string =>
  "`".repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length + 1)));

/** Begins a new chat with what is in the composer, in the place of one that is gone. */
export function beginInstead(gone: Chat): void {
  const text = draft.value;
  keepDraft(gone.id.value, "");
  if (gone.id.value) forgetChat(gone.id.value);
  startNewChat();
  beginChat();
  draft.value = joined(text, draft.value);
}

/** Begins a new chat; the draft of the last new one is still there. */
export function beginChat(isTemporary = false): void {
  navigate(null);
  if (newChat.value.items.value.length === 0) newChat.value.isTemporary.value = isTemporary;
  focusComposer();
}
