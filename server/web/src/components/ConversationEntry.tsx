/* A conversation in the list: opens it, renames it, and more. */
import { Ellipsis } from "lucide";
import { memo } from "./memo";
import { useEffect, useRef } from "preact/hooks";

import type { Conversation } from "../api/types";
import { currentChat, isAnswering } from "../state/chat";
import { open, rename, renamed } from "../state/conversations";
import { isDrawerOpen } from "../state/preferences";
import { words } from "../words";
import { EntryActions } from "./EntryActions";
import { Icon } from "./Icon";
import { Menu } from "./Menu";

export const ConversationEntry = memo(function ConversationEntry({ entry }: { entry: Conversation }) {
  const info = currentChat.value.info.value;
  const isOpen = (info?.root_id ?? info?.id ?? currentChat.value.id.value) === entry.id;
  const title = entry.title ?? words.untitled;
  const newest = entry.family?.newest_conversation_id ?? entry.id;
  if (renamed.value === entry.id) return <Rename entry={entry} />;
  const show = (event: MouseEvent): void => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    isDrawerOpen.value = false;
    open(entry);
  };
  const isBusy = Boolean(entry.family?.active_response_ids?.length || entry.active_response_id) || isAnswering(newest);
  return (
    <li class={`entry ${isOpen ? "is-open" : ""}`}>
      <a href={`/c/${newest}`} class="entry-link" dir="auto" aria-current={isOpen ? "page" : undefined} onClick={show}>
        <span class="ellipsis">{title}</span>
        {isBusy && <span class="dot dot-answering" role="img" aria-label={words.sidebar.answering} />}
      </a>
      <Menu label={words.entry.actions(title)} button={<Icon of={Ellipsis} size={16} />}>
        {(close) => <EntryActions entry={entry} close={close} />}
      </Menu>
    </li>
  );
});

function Rename({ entry }: { entry: Conversation }) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.select(), []);
  const finish = (isWanted: boolean): void => {
    const title = field.current?.value.trim() ?? "";
    if (renamed.value !== entry.id) return;
    renamed.value = null;
    if (isWanted && title && title !== entry.title) void rename(entry, title);
  };
  const keyDown = (event: KeyboardEvent): void => {
    event.stopPropagation();
    if (event.key === "Enter" && !event.isComposing) finish(true);
    if (event.key === "Escape") finish(false);
  };
  return (
    <li class="entry">
      <input
        ref={field}
        class="entry-title"
        aria-label={words.entry.title}
        maxLength={256}
        value={entry.title ?? ""}
        onKeyDown={keyDown}
        onBlur={() => finish(true)}
      />
    </li>
  );
}
