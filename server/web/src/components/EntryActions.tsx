/* What can be done with an entry of the list: in its own menu, and in that of the chat. */
import { Archive, ArchiveRestore, Pencil, Pin, PinOff, Trash2 } from "lucide";

import type { Conversation } from "../api/types";
import { remove, renamed, setArchived, setPinned } from "../state/conversations";
import { words } from "../words";
import { MenuItem } from "./MenuItem";

interface Props {
  readonly entry: Conversation;
  readonly isInHeader?: boolean;
  readonly close: () => void;
}

export function EntryActions({ entry, isInHeader = false, close }: Props) {
  const then = (action: () => void) => () => (close(), action());
  const { pinned = false, archived = false } = entry;
  return (
    <>
      <MenuItem icon={Pencil} label={words.entry.rename} onClick={then(() => (renamed.value = { id: entry.id, isInHeader }))} />
      {!archived && (
        <MenuItem
          icon={pinned ? PinOff : Pin}
          label={pinned ? words.entry.unpin : words.entry.pin}
          onClick={then(() => void setPinned(entry, !pinned))}
        />
      )}
      <MenuItem
        icon={archived ? ArchiveRestore : Archive}
        label={archived ? words.entry.unarchive : words.entry.archive}
        onClick={then(() => void setArchived(entry, !archived))}
      />
      <MenuItem icon={Trash2} label={words.entry.delete} isDangerous onClick={then(() => remove(entry))} />
    </>
  );
}
