/* What a person asked, and what can be done with it. */
import { Check, Copy, Pencil } from "lucide";
import { memo } from "./memo";

import type { Item } from "../api/types";
import { textOf, type Chat } from "../state/chat";
import { beginEdit } from "../state/composing";
import { words } from "../words";
import { CopyButton } from "./CopyButton";
import { IconButton } from "./IconButton";
import { VariantSwitch } from "./VariantSwitch";

export const Question = memo(function Question({ chat, item, after }: { chat: Chat; item: Item; after: string | null }) {
  const text = textOf(item);
  return (
    <article class="message question" aria-label={words.you}>
      <div class="question-text" dir="auto">
        {text}
      </div>
      <div class="actions" role="group" aria-label={words.message.actions}>
        <VariantSwitch chat={chat} after={after} />
        <CopyButton text={text} icon={Copy} done={Check} />
        {!chat.isTemporary.value && (
          <IconButton icon={Pencil} label={words.message.edit} onClick={() => beginEdit(chat, item)} />
        )}
      </div>
    </article>
  );
});
