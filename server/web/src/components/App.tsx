/* The whole page. What is not seen at first is fetched when it is. */
import { useEffect } from "preact/hooks";

import { besideChat } from "../state/beside";
import { currentChat } from "../state/chat";
import { entryOfChat } from "../state/conversations";
import { closeDialog, dialog } from "../state/dialogs";
import { isDrawerOpen } from "../state/preferences";
import { keyWanted, putOffKey } from "../state/session";
import { keepVisiting } from "../state/revisiting";
import { words } from "../words";
import { ChatColumn } from "./ChatColumn";
import { Composer } from "./Composer";
import { Header } from "./Header";
import { lazily } from "./lazily";
import { Announcer, NoticeBar } from "./NoticeBar";
import { Sidebar } from "./Sidebar";
import { StatusBanner } from "./StatusBanner";

const OpenDialog = lazily(async () => (await import("./OpenDialog")).OpenDialog, { run: closeDialog });
const KeyDialog = lazily(async () => (await import("./KeyDialog")).KeyDialog, { run: putOffKey });

export function App() {
  const chat = currentChat.value;
  const beside = besideChat.value;
  useVisit(chat);
  useVisit(beside);
  useTitle();
  return (
    <div class="app">
      <a class="skip" href="#question">
        {words.skip}
      </a>
      <Sidebar />
      {isDrawerOpen.value && <div class="drawer-shade" onClick={() => (isDrawerOpen.value = false)} />}
      <main class="main">
        <Header />
        <StatusBanner />
        <div class={`columns ${beside ? "two" : ""}`}>
          <ChatColumn chat={chat} other={beside} />
          {beside && <ChatColumn chat={beside} isBeside other={chat} />}
        </div>
        <Composer />
        <NoticeBar />
      </main>
      <Announcer />
      {dialog.value && !keyWanted.value && <OpenDialog />}
      {keyWanted.value && <KeyDialog />}
    </div>
  );
}

function useVisit(chat: typeof currentChat.value | null): void {
  useEffect(() => (chat ? keepVisiting(chat) : undefined), [chat]);
}

function useTitle(): void {
  const info = currentChat.value.info.value;
  const title = entryOfChat(currentChat.value)?.title ?? info?.title;
  useEffect(() => {
    document.title = title ? `${title} · ${words.product}` : words.product;
  }, [title]);
}
