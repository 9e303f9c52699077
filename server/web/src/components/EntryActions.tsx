/* What can be done with an entry of the list: in its own menu, and in that of the chat. */
import { Archive, ArchiveRestore, Pencil, Pin, PinOff, Trash2 } from "lucide";

import type { Conversation } from "../api/types";
import { remove, renamed, setArchived, setPinned } from "../state/conversations";
import { words } from "../words";
import { MenuItem } from "./MenuItem";

export function EntryActions({ entry, close }: { entry: Conversation; close: () => void }) {
  const then = (action: () => void) => () => (close(), action());
  const { pinned = false, archived = false } = entry;
  return (
    <>
      <MenuItem icon={Pencil} label={words.entry.rename} onClick={then(() => (renamed.value = entry.id))} />
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
