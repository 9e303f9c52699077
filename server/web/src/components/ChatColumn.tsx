/* A chat from its first word to its last, alone or beside another. */
import { X } from "lucide";

import { closeBeside } from "../state/beside";
import { currentChat, type Chat } from "../state/chat";
import { visit } from "../state/answering";
import { beginInstead } from "../state/composing";
import { words } from "../words";
import { IconButton } from "./IconButton";
import { Missing } from "./Missing";
import { ModelPicker } from "./ModelPicker";
import { Transcript } from "./lazy_transcript";
import { Welcome } from "./Welcome";

export function ChatColumn({ chat, isBeside, hasOther }: { chat: Chat; isBeside: boolean; hasOther: boolean }) {
  return (
    <section class="column">
      {hasOther && (
        <div class="column-head">
          {isBeside && <ModelPicker chat={chat} />}
          <span class="grow" />
          <IconButton icon={X} label={words.header.closeBeside} onClick={() => closeBeside(isBeside ? currentChat.value : chat)} />
        </div>
      )}
      <Content chat={chat} id={isBeside ? "beside" : "transcript"} />
    </section>
  );
}

function Content({ chat, id }: { chat: Chat; id: string }) {
  const state = chat.state.value;
  if (state === "gone") return <Missing text={words.failure.gone} action={words.sidebar.newChat} onAction={() => beginInstead(chat)} />;
  if (state === "failed") {
    return <Missing text={words.failure.notOpened} action={words.failure.tryAgain} onAction={() => void visit(chat)} />;
  }
  const isEmpty = !chat.items.value.length && !chat.live.value && !chat.trouble.value;
  if (isEmpty) return state === "loading" ? <div class="transcript-frame" aria-busy="true" /> : <Welcome />;
  return <Transcript key={id} chat={chat} id={id} />;
}
