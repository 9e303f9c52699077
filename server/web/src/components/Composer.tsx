/* Where a question is written. It grows with the text, takes files, and offers saved prompts behind a `/`. */
import { ArrowUp, BookmarkPlus, Paperclip, Square } from "lucide";
import { useEffect, useRef, useState } from "preact/hooks";

import { currentChat } from "../state/chat";
import { stop } from "../state/answering";
import { besideChat } from "../state/beside";
import { attach, draft, edited, editLastQuestion, focusWanted, leaveEdit, submit } from "../state/composing";
import { dialog } from "../state/dialogs";
import { sendsWithEnter } from "../state/preferences";
import { hasPrompts } from "../state/prompts";
import { chatModels, stateOf } from "../state/server";
import { modelOf } from "../state/settings";
import { words } from "../words";
import { Gauge } from "./Gauge";
import { IconButton } from "./IconButton";
import { PromptMenu, usePromptMenu } from "./PromptMenu";

export function Composer() {
  const field = useRef<HTMLTextAreaElement>(null);
  const [isOver, setIsOver] = useState(false);
  const menu = usePromptMenu();
  const text = draft.value;
  useEffect(() => fit(field.current), [text]);
  useEffect(() => {
    if (focusWanted.value) field.current?.focus();
  }, [focusWanted.value]);
  const keyDown = (event: KeyboardEvent): void => {
    if (event.isComposing || menu.take(event)) return;
    const action = actionFor(event);
    if (!action) return;
    event.preventDefault();
    action();
  };
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    setIsOver(false);
    void attach(event.dataTransfer?.files ?? []);
  };
  const paste = (event: ClipboardEvent): void => {
    if (!event.clipboardData?.files.length) return;
    event.preventDefault();
    void attach(event.clipboardData.files);
  };
  return (
    <form
      class={`composer ${isOver ? "composer-over" : ""}`}
      onSubmit={(event) => (event.preventDefault(), void submit())}
      onDragOver={(event) => (event.preventDefault(), setIsOver(true))}
      onDragLeave={() => setIsOver(false)}
      onDrop={drop}
    >
      <PromptMenu menu={menu} />
      {edited.value && <EditNote />}
      <textarea
        ref={field}
        id="question"
        class="composer-field"
        rows={1}
        dir="auto"
        aria-label={words.composer.label}
        placeholder={isOver ? words.composer.drop : words.composer.placeholder}
        value={text}
        onInput={(event) => (draft.value = event.currentTarget.value)}
        onKeyDown={keyDown}
        onPaste={paste}
      />
      <div class="composer-bar">
        <AttachButton />
        {hasPrompts.value && (
          <IconButton
            icon={BookmarkPlus}
            label={words.composer.savePrompt}
            disabled={!text.trim()}
            onClick={() => (dialog.value = { kind: "save-prompt", text })}
          />
        )}
        <Gauge chat={currentChat.value} />
        <StopOrSend />
      </div>
    </form>
  );
}

function EditNote() {
  return (
    <div class="row edit-note">
      <span>{words.composer.editing}</span>
      <button type="button" class="button button-small" onClick={leaveEdit}>
        {words.composer.cancelEdit}
      </button>
    </div>
  );
}

function AttachButton() {
  const input = useRef<HTMLInputElement>(null);
  const picked = (): void => {
    void attach(input.current?.files ?? []);
    if (input.current) input.current.value = "";
  };
  return (
    <>
      <input ref={input} type="file" multiple hidden onChange={picked} />
      <IconButton icon={Paperclip} label={words.composer.attach} onClick={() => input.current?.click()} />
    </>
  );
}

/** Two buttons: one that became the other while it was clicked would send what it has just stopped. */
function StopOrSend() {
  const chats = [currentChat.value, besideChat.value].filter((chat) => chat !== null);
  const answering = chats.filter((chat) => chat.live.value);
  if (answering.length) {
    const isStopping = answering.every((chat) => chat.live.value?.isStopping.value);
    const end = (): void => answering.forEach((chat) => void stop(chat));
    return <IconButton key="stop" class="send" icon={Square} label={words.composer.stop} disabled={isStopping} onClick={end} />;
  }
  const model = modelOf(currentChat.value);
  const waits = model !== null && stateOf(model) !== "ready";
  return (
    <IconButton
      key="send"
      class="send"
      type="submit"
      icon={ArrowUp}
      label={waits ? words.composer.queued : words.composer.send}
      disabled={!draft.value.trim() || !chatModels.value.length}
    />
  );
}

function actionFor(event: KeyboardEvent): (() => void) | undefined {
  const isEnter = event.key === "Enter" && !event.shiftKey;
  if (isEnter && (sendsWithEnter.value || event.ctrlKey || event.metaKey)) return () => void submit();
  if (event.key === "ArrowUp" && !draft.value) return editLastQuestion;
  if (event.key === "Escape" && edited.value) return leaveEdit;
  return undefined;
}

/** As high as its text, within what the styles allow. */
function fit(field: HTMLTextAreaElement | null): void {
  if (!field) return;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}
