/* Goes to the other variants of what follows an item. */
import { ChevronLeft, ChevronRight } from "lucide";
import { useComputed } from "@preact/signals";

import type { Chat } from "../state/chat";
import { showVariant } from "../state/branching";
import { variantsOf } from "../state/variants";
import { words } from "../words";
import { IconButton } from "./IconButton";

export function VariantSwitch({ chat, after }: { chat: Chat; after: string | null }) {
  const found = useComputed(() =>
    variantsOf(chat.id.value ?? "", chat.family.value).find(({ afterItemId }) => afterItemId === after),
  ).value;
  if (!found || found.conversationIds.length < 2) return null;
  const { index, conversationIds } = found;
  const go = (step: number) => () => {
    const id = conversationIds[index + step];
    if (id) void showVariant(chat, id);
  };
  return (
    <span class="variants" role="group" aria-label={words.message.variant(index + 1, conversationIds.length)}>
      <IconButton icon={ChevronLeft} label={words.message.previous} disabled={index === 0} onClick={go(-1)} />
      <span aria-hidden="true">
        {index + 1}/{conversationIds.length}
      </span>
      <IconButton
        icon={ChevronRight}
        label={words.message.next}
        disabled={index === conversationIds.length - 1}
        onClick={go(1)}
      />
    </span>
  );
}
