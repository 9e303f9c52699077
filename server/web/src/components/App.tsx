/* The whole page. What is not seen at first is fetched when it is. */
import { useEffect } from "preact/hooks";

import { besideChat } from "../state/beside";
import { currentChat } from "../state/chat";
import { visit } from "../state/answering";
import { entryOf, numTimesAway } from "../state/conversations";
import { dialog } from "../state/dialogs";
import { isDrawerOpen } from "../state/preferences";
import { keyWanted, whenKeyChanges } from "../state/session";
import { words } from "../words";
import { ChatColumn } from "./ChatColumn";
import { Composer } from "./Composer";
import { Header } from "./Header";
import { lazily } from "./lazily";
import { Announcer, NoticeBar } from "./NoticeBar";
import { Sidebar } from "./Sidebar";
import { StatusBanner } from "./StatusBanner";

const OpenDialog = lazily(async () => (await import("./OpenDialog")).OpenDialog);
const KeyDialog = lazily(async () => (await import("./KeyDialog")).KeyDialog);

export function App() {
  const chat = currentChat.value;
  const beside = besideChat.value;
  useVisit(chat);
  useVisit(beside);
  useNews(chat);
  useNews(beside);
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

/** Fetches a chat when it is shown, and again when there is another key. */
function useVisit(chat: typeof currentChat.value | null): void {
  useEffect(() => {
    if (!chat) return undefined;
    const look = (): void => void (chat.id.value && !chat.live.value && visit(chat));
    look();
    return whenKeyChanges(look);
  }, [chat]);
}

/** Fetches a chat again when it may have been gone on with elsewhere; what was refused here stays. */
function useNews(chat: typeof currentChat.value | null): void {
  useEffect(() => {
    if (!numTimesAway.value || chat?.state.value !== "ready" || chat.live.value) return;
    if (chat.trouble.value?.kind !== "refused") void visit(chat);
  }, [numTimesAway.value]);
}

function useTitle(): void {
  const info = currentChat.value.info.value;
  const title = entryOf(info)?.title ?? info?.title;
  useEffect(() => {
    document.title = title ? `${title} · ${words.product}` : words.product;
  }, [title]);
}
