/* What can be done with the chat that is shown. */
import { Columns2, Download, EllipsisVertical, Percent, SlidersHorizontal } from "lucide";

import { openBeside } from "../state/beside";
import type { Chat } from "../state/chat";
import { entryOfChat } from "../state/conversations";
import { dialog } from "../state/dialogs";
import { exportChat } from "../state/exporting";
import { showsProbabilities } from "../state/preferences";
import { words } from "../words";
import { EntryActions } from "./EntryActions";
import { Icon } from "./Icon";
import { Menu } from "./Menu";
import { MenuItem } from "./MenuItem";

export function ChatMenu({ chat }: { chat: Chat }) {
  return (
    <Menu label={words.header.menu} button={<Icon of={EllipsisVertical} />}>
      {(close) => {
        const then = (action: () => void) => () => (close(), action());
        const entry = entryOfChat(chat);
        return (
          <>
            <MenuItem
              icon={SlidersHorizontal}
              label={words.header.settings}
              onClick={then(() => (dialog.value = { kind: "settings", chat }))}
            />
            <MenuItem
              icon={Percent}
              label={words.header.probabilities}
              isChecked={showsProbabilities.value}
              onClick={then(() => (showsProbabilities.value = !showsProbabilities.value))}
            />
            {chat.id.value && (
              <>
                <MenuItem icon={Columns2} label={words.header.compare} onClick={then(() => void openBeside())} />
                <MenuItem
                  icon={Download}
                  label={words.header.exportMarkdown}
                  onClick={then(() => void exportChat(chat, "markdown"))}
                />
                <MenuItem
                  icon={Download}
                  label={words.header.exportJson}
                  onClick={then(() => void exportChat(chat, "json"))}
                />
              </>
            )}
            {entry && <EntryActions entry={entry} isInHeader close={close} />}
          </>
        );
      }}
    </Menu>
  );
}
