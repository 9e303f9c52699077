/* Where a conversation's title is written anew. Enter and leaving it take it, Esc does not. */
import { useEffect, useRef } from "preact/hooks";

import type { Conversation } from "../api/types";
import { rename, renamed } from "../state/conversations";
import { words } from "../words";

interface Props {
  readonly entry: Conversation;
  /** Called when a key has ended it: the focus has to go somewhere. */
  readonly onKey: () => void;
}

export function TitleField({ entry, onKey }: Props) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.select(), []);
  const finish = (isWanted: boolean): void => {
    const title = field.current?.value.trim() ?? "";
    if (renamed.value?.id !== entry.id) return;
    renamed.value = null;
    if (isWanted && title && title !== entry.title) void rename(entry, title);
  };
  const keyDown = (event: KeyboardEvent): void => {
    event.stopPropagation();
    if (event.isComposing || (event.key !== "Enter" && event.key !== "Escape")) return;
    finish(event.key === "Enter");
    onKey();
  };
  return (
    <input
      ref={field}
      class="entry-title"
      dir="auto"
      aria-label={words.entry.title}
      maxLength={256}
      value={entry.title ?? ""}
      onKeyDown={keyDown}
      onBlur={() => finish(true)}
    />
  );
}
