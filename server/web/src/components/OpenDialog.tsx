/* The dialog that is open. */
import { dialog } from "../state/dialogs";
import { Palette } from "./Palette";
import { FillPromptDialog, SavePromptDialog } from "./PromptDialogs";
import { SettingsDialog } from "./SettingsDialog";
import { ShortcutsDialog } from "./ShortcutsDialog";

export function OpenDialog() {
  const open = dialog.value;
  if (open?.kind === "palette") return <Palette />;
  if (open?.kind === "shortcuts") return <ShortcutsDialog />;
  if (open?.kind === "settings") return <SettingsDialog chat={open.chat} />;
  if (open?.kind === "save-prompt") return <SavePromptDialog text={open.text} />;
  if (open?.kind === "fill-prompt") return <FillPromptDialog prompt={open.prompt} insert={open.insert} />;
  return null;
}
