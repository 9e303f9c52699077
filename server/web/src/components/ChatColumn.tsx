/* A chat from its first word to its last, alone or beside another. */
import { SlidersHorizontal, X } from "lucide";

import { closeBeside } from "../state/beside";
import type { Chat } from "../state/chat";
import { dialog } from "../state/dialogs";
import { visit } from "../state/attending";
import { beginInstead } from "../state/composing";
import { words } from "../words";
import { IconButton } from "./IconButton";
import { Missing } from "./Missing";
import { ModelPicker } from "./ModelPicker";
import { Transcript } from "./lazy_transcript";
import { Welcome } from "./Welcome";

interface Props {
  readonly chat: Chat;
  readonly isBeside?: boolean;
  /** The one that is shown beside it. */
  readonly other: Chat | null;
}

export function ChatColumn({ chat, isBeside = false, other }: Props) {
  return (
    <section class="column">
      {other && (
        <div class="column-head">
          <ModelPicker chat={chat} />
          <span class="grow" />
          <IconButton
            icon={SlidersHorizontal}
            label={words.header.settings}
            onClick={() => (dialog.value = { kind: "settings", chat })}
          />
          <IconButton icon={X} label={words.header.closeOne} onClick={() => closeBeside(other)} />
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
