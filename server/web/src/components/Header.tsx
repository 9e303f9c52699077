/* What is shown, and which model answers there. */
import { Ghost, PanelLeft } from "lucide";

import { newChat } from "../state/actions";
import { besideChat } from "../state/beside";
import { currentChat, type Chat } from "../state/chat";
import { focusComposer } from "../state/composing";
import { entryOfChat, renamed } from "../state/conversations";
import { toggleSidebar } from "../state/preferences";
import { words } from "../words";
import { ChatMenu } from "./ChatMenu";
import { IconButton } from "./IconButton";
import { ModelPicker } from "./ModelPicker";
import { ThemeButton } from "./ThemeButton";
import { TitleField } from "./TitleField";

export function Header() {
  const chat = currentChat.value;
  const isTemporary = chat.isTemporary.value;
  return (
    <header class="header">
      <IconButton icon={PanelLeft} label={words.sidebar.toggle} onClick={toggleSidebar} />
      <Title chat={chat} />
      {!besideChat.value && <ModelPicker chat={chat} />}
      {!chat.id.value && (
        <IconButton icon={Ghost} label={words.header.temporary} isPressed={isTemporary} onClick={() => newChat(!isTemporary)} />
      )}
      <ThemeButton />
      <ChatMenu chat={chat} />
    </header>
  );
}

function Title({ chat }: { chat: Chat }) {
  const info = chat.info.value;
  const entry = entryOfChat(chat);
  if (entry && renamed.value?.isInHeader && renamed.value.id === entry.id) {
    return (
      <div class="title">
        <TitleField entry={entry} onKey={focusComposer} />
      </div>
    );
  }
  const title = chat.isTemporary.value ? words.header.temporary : (entry?.title ?? info?.title);
  return (
    <h1 class="title ellipsis" dir="auto">
      {title ?? words.untitled}
    </h1>
  );
}
