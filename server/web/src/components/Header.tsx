/* What is shown, and which model answers there. */
import { Ghost, Monitor, Moon, PanelLeft, Sun, type IconNode } from "lucide";

import { newChat } from "../state/actions";
import { currentChat } from "../state/chat";
import { entryOf } from "../state/conversations";
import { toggleSidebar } from "../state/preferences";
import { nextTheme, theme, type Theme } from "../state/theme";
import { words } from "../words";
import { ChatMenu } from "./ChatMenu";
import { IconButton } from "./IconButton";
import { ModelPicker } from "./ModelPicker";

const THEME_ICONS: Readonly<Record<Theme, IconNode>> = { system: Monitor, light: Sun, dark: Moon };

export function Header() {
  const chat = currentChat.value;
  const isTemporary = chat.isTemporary.value;
  return (
    <header class="header">
      <IconButton icon={PanelLeft} label={words.sidebar.toggle} onClick={toggleSidebar} />
      <h1 class="title ellipsis" dir="auto">
        {isTemporary ? words.header.temporary : (entryOf(chat.info.value)?.title ?? chat.info.value?.title ?? words.untitled)}
      </h1>
      <ModelPicker chat={chat} />
      {!chat.id.value && (
        <IconButton icon={Ghost} label={words.header.temporary} isPressed={isTemporary} onClick={() => newChat(!isTemporary)} />
      )}
      <IconButton icon={THEME_ICONS[theme.value]} label={words.header.theme(theme.value)} onClick={nextTheme} />
      <ChatMenu chat={chat} />
    </header>
  );
}
