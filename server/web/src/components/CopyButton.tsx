/* A button that copies a text, and says for a moment that it did. */
import type { IconNode } from "lucide";
import { useState } from "preact/hooks";

import { copy } from "../state/actions";
import { words } from "../words";
import { IconButton } from "./IconButton";

const SHOWN_MS = 1500;

export function CopyButton({ text, icon, done }: { text: string; icon: IconNode; done: IconNode }) {
  const [isDone, setIsDone] = useState(false);
  const run = async (): Promise<void> => {
    if (!(await copy(text))) return;
    setIsDone(true);
    setTimeout(() => setIsDone(false), SHOWN_MS);
  };
  return (
    <IconButton
      icon={isDone ? done : icon}
      label={isDone ? words.message.copied : words.message.copy}
      onClick={() => void run()}
    />
  );
}
