/* The conversations, and the way to everything that is not in one. */
import { Archive, Keyboard, Search, SquarePen } from "lucide";

import { newChat } from "../state/actions";
import { refreshList, showsArchive } from "../state/conversations";
import { dialog } from "../state/dialogs";
import { isDrawerOpen, isSidebarOpen } from "../state/preferences";
import { forgetKey, isKeyRemembered } from "../state/session";
import { status } from "../state/server";
import { words } from "../words";
import { ConversationList } from "./ConversationList";
import { IconButton } from "./IconButton";
import { ThemeButton } from "./ThemeButton";

export function Sidebar() {
  const toggleArchive = (): void => {
    showsArchive.value = !showsArchive.value;
    void refreshList();
  };
  return (
    <nav class={`sidebar ${isSidebarOpen.value ? "" : "is-folded"} ${isDrawerOpen.value ? "is-drawn" : ""}`} aria-label={words.sidebar.name}>
      <div class="sidebar-head">
        <IconButton class="grow" icon={SquarePen} label={words.sidebar.newChat} isNamed onClick={() => newChat()} />
        <IconButton icon={Search} label={words.sidebar.search} onClick={() => (dialog.value = { kind: "palette" })} />
        <IconButton icon={Archive} label={showsArchive.value ? words.sidebar.back : words.sidebar.archive} isPressed={showsArchive.value} onClick={toggleArchive} />
      </div>
      <ConversationList />
      <div class="sidebar-foot small">
        <a href="/licenses.txt">{words.sidebar.licences}</a>
        {isKeyRemembered.value && (
          <button type="button" class="link" onClick={forgetKey}>
            {words.key.forget}
          </button>
        )}
        <span class="muted grow">{status.value && `${words.product} ${status.value.version}`}</span>
        <ThemeButton />
        <IconButton icon={Keyboard} label={words.sidebar.shortcuts} onClick={() => (dialog.value = { kind: "shortcuts" })} />
      </div>
    </nav>
  );
}
