/* A conversation in the list: opens it, renames it, and more. */
import { Ellipsis } from "lucide";
import { memo } from "./memo";
import { useEffect, useRef } from "preact/hooks";

import type { Conversation } from "../api/types";
import { currentChat, isAnswering } from "../state/chat";
import { open, renamed } from "../state/conversations";
import { isDrawerOpen } from "../state/preferences";
import { words } from "../words";
import { EntryActions } from "./EntryActions";
import { Icon } from "./Icon";
import { Menu } from "./Menu";
import { TitleField } from "./TitleField";

export const ConversationEntry = memo(function ConversationEntry({ entry }: { entry: Conversation }) {
  const info = currentChat.value.info.value;
  const isOpen = (info?.root_id ?? info?.id ?? currentChat.value.id.value) === entry.id;
  const title = entry.title ?? words.untitled;
  const newest = entry.family?.newest_conversation_id ?? entry.id;
  const link = useRef<HTMLAnchorElement>(null);
  const wantsFocus = useRef(false);
  const isRenamed = renamed.value?.id === entry.id && !renamed.value.isInHeader;
  useEffect(() => {
    if (wantsFocus.current) link.current?.focus();
    wantsFocus.current = false;
  }, [isRenamed]);
  if (isRenamed) {
    return (
      <li class="entry">
        <TitleField entry={entry} onKey={() => (wantsFocus.current = true)} />
      </li>
    );
  }
  const show = (event: MouseEvent): void => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    isDrawerOpen.value = false;
    open(entry);
  };
  const isBusy = Boolean(entry.family?.active_response_ids?.length || entry.active_response_id) || isAnswering(newest);
  return (
    <li class={`entry ${isOpen ? "is-open" : ""}`}>
      <a ref={link} href={`/c/${newest}`} class="entry-link" dir="auto" aria-current={isOpen ? "page" : undefined} onClick={show}>
        <span class="ellipsis">{title}</span>
        {isBusy && <span class="dot dot-answering" role="img" aria-label={words.sidebar.answering} />}
      </a>
      <Menu label={words.entry.actions(title)} button={<Icon of={Ellipsis} size={16} />}>
        {(close) => <EntryActions entry={entry} close={close} />}
      </Menu>
    </li>
  );
});
