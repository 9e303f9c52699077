/* Keeps a chat that is shown as the server has it: other tabs and devices go on with it, or delete it. */
import { visit } from "./attending";
import type { Chat } from "./chat";
import { whenOthersMayHaveChanged } from "./conversations";
import { whenServerIsBack } from "./server";
import { whenKeyChanges } from "./session";

/** Shows a chat from now on, until the returned function is called. */
export function keepVisiting(chat: Chat): () => void {
  let isVisiting = false;
  const look = async (): Promise<void> => {
    if (!chat.id.value || chat.live.value || isVisiting || chat.state.value === "gone") return;
    isVisiting = true;
    await visit(chat);
    isVisiting = false;
  };
  const run = (): void => void look();
  run();
  const ends = [whenKeyChanges(run), whenServerIsBack(run), whenOthersMayHaveChanged(run)];
  return () => ends.forEach((end) => end());
}
