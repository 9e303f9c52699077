/* The saved prompts whose name begins with what stands behind a `/` at the beginning of a question. */
import { Trash2 } from "lucide";
import { useEffect, useState } from "preact/hooks";

import type { SavedPrompt } from "../api/types";
import { draft, focusComposer } from "../state/composing";
import { dialog } from "../state/dialogs";
import { promptsFor, refreshPrompts, removePrompt } from "../state/prompts";
import { words } from "../words";
import { IconButton } from "./IconButton";

interface PromptMenuState {
  readonly found: readonly SavedPrompt[];
  readonly index: number;
  readonly isOpen: boolean;
  readonly pick: (prompt: SavedPrompt) => void;
  /** Takes the keys of an open menu; whether it did. */
  readonly take: (event: KeyboardEvent) => boolean;
}

export function usePromptMenu(): PromptMenuState {
  const [index, setIndex] = useState(0);
  const [closedFor, setClosedFor] = useState<string | null>(null);
  const beginning = /^\/([\w-]*)$/.exec(draft.value)?.[1];
  const isAsked = beginning !== undefined;
  useEffect(() => {
    if (isAsked) void refreshPrompts();
  }, [isAsked]);
  useEffect(() => setIndex(0), [beginning]);
  const found = isAsked ? promptsFor(beginning) : [];
  const isOpen = isAsked && closedFor !== draft.value;
  const take = (event: KeyboardEvent): boolean => {
    const action = isOpen ? actions(found, index, setIndex, () => setClosedFor(draft.value))[event.key] : undefined;
    if (!action) return false;
    event.preventDefault();
    event.stopPropagation();
    action();
    return true;
  };
  return { found, index, isOpen, pick: insert, take };
}

function actions(
  found: readonly SavedPrompt[],
  index: number,
  setIndex: (index: number) => void,
  close: () => void,
): Readonly<Record<string, () => void>> {
  const picked = found[index];
  if (!picked) return { Escape: close };
  return {
    ArrowDown: () => setIndex((index + 1) % found.length),
    ArrowUp: () => setIndex((index - 1 + found.length) % found.length),
    Enter: () => insert(picked),
    Tab: () => insert(picked),
    Escape: close,
  };
}

/** Puts a prompt into the composer, once its variables are known. */
function insert(prompt: SavedPrompt): void {
  const put = (text: string): void => {
    draft.value = text;
    focusComposer();
  };
  if (prompt.variables.length) dialog.value = { kind: "fill-prompt", prompt, insert: put };
  else put(prompt.text);
}

export function PromptMenu({ menu }: { menu: PromptMenuState }) {
  if (!menu.isOpen) return null;
  return (
    <ul class="prompt-menu" aria-label={words.prompts.menu}>
      {menu.found.map((prompt, index) => (
        <li key={prompt.id} class={index === menu.index ? "is-picked" : ""}>
          <button type="button" aria-current={index === menu.index} onClick={() => menu.pick(prompt)}>
            <strong>/{prompt.name}</strong> <span class="muted">{prompt.text.slice(0, 80)}</span>
          </button>
          <IconButton
            icon={Trash2}
            label={words.prompts.delete(prompt.name)}
            onClick={() => void removePrompt(prompt)}
          />
        </li>
      ))}
      {!menu.found.length && <li class="muted prompt-none">{words.prompts.none}</li>}
    </ul>
  );
}
