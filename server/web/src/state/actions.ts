/* What can be done from anywhere: by a key, or from the palette. */
import { textOf, currentChat, lastAnswer, startNewChat } from "./chat";
import { stop } from "./answering";
import { beginChat, edited, leaveEdit } from "./composing";
import { closeDialog, dialog } from "./dialogs";
import { announce, say, sayProblem } from "./notices";
import { isDrawerOpen, toggleSidebar } from "./preferences";
import { keyWanted } from "./session";
import { copyText } from "../clipboard";
import { words } from "../words";

/** Copies a text; whether the clipboard has it. */
export async function copy(text: string): Promise<boolean> {
  const isCopied = await copyText(text);
  if (isCopied) announce(words.said.copied);
  else sayProblem(words.failure.notCopied);
  return isCopied;
}

export function copyLastAnswer(): void {
  const answer = lastAnswer(currentChat.value);
  if (answer) void copyAndSay(textOf(answer));
}

export function copyLastCode(): void {
  const blocks = [...document.querySelectorAll<HTMLElement>("#transcript pre code")];
  const code = blocks.at(-1)?.textContent;
  if (code) void copyAndSay(code);
}

async function copyAndSay(text: string): Promise<void> {
  if (await copy(text)) say(words.said.copied);
}

/** A chat without a past, whatever the new chat was before. */
export function newChat(isTemporary = false): void {
  startNewChat();
  isDrawerOpen.value = false;
  closeDialog();
  beginChat(isTemporary);
}

const COMMANDS: Readonly<Record<string, () => void>> = {
  k: () => void (dialog.value = { kind: "palette" }),
  b: toggleSidebar,
};
const SHIFTED: Readonly<Record<string, () => void>> = {
  o: () => newChat(),
  c: copyLastAnswer,
  ";": copyLastCode,
  ":": copyLastCode,
};

/** Takes the keys that mean something everywhere, until the returned function is called. */
export function watchKeys(): () => void {
  const listener = (event: KeyboardEvent): void => {
    if (event.isComposing || event.defaultPrevented) return;
    const action = actionFor(event);
    if (!action) return;
    event.preventDefault();
    action();
  };
  addEventListener("keydown", listener);
  return () => removeEventListener("keydown", listener);
}

function actionFor(event: KeyboardEvent): (() => void) | undefined {
  if (event.ctrlKey || event.metaKey) return (event.shiftKey ? SHIFTED : COMMANDS)[event.key.toLowerCase()];
  if (dialog.value || keyWanted.value) return undefined;
  if (event.key === "Escape") return escape();
  const isTyping = event.target instanceof Element && event.target.closest("input, textarea, select");
  if (event.key === "?" && !isTyping) return () => void (dialog.value = { kind: "shortcuts" });
  return undefined;
}

function escape(): (() => void) | undefined {
  if (document.querySelector(":popover-open")) return undefined;
  if (isDrawerOpen.value) return () => void (isDrawerOpen.value = false);
  if (currentChat.value.live.value) return () => void stop(currentChat.value);
  return edited.value ? leaveEdit : undefined;
}

