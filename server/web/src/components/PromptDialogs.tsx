/* Saves a text as a prompt, and asks for the variables of one that is used. */
import { useRef } from "preact/hooks";

import type { SavedPrompt } from "../api/types";
import { closeDialog } from "../state/dialogs";
import { fill, savePrompt } from "../state/prompts";
import { words } from "../words";
import { Dialog } from "./Dialog";

export function SavePromptDialog({ text }: { text: string }) {
  const name = useRef<HTMLInputElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (await savePrompt(name.current?.value.trim() ?? "", field.current?.value ?? "")) closeDialog();
  };
  return (
    <Dialog title={words.prompts.title} onClose={closeDialog} class="wide">
      <form onSubmit={(event) => void save(event)}>
        <label class="field">
          {words.prompts.name}
          <input ref={name} required pattern="[\w\-]{1,64}" maxLength={64} />
        </label>
        <label class="field">
          {words.prompts.text}
          <textarea ref={field} rows={6} dir="auto" required defaultValue={text} />
        </label>
        <p class="small muted">{words.prompts.hint}</p>
        <Buttons main={words.prompts.save} />
      </form>
    </Dialog>
  );
}

export function FillPromptDialog({ prompt, insert }: { prompt: SavedPrompt; insert: (text: string) => void }) {
  const form = useRef<HTMLFormElement>(null);
  const use = (event: Event): void => {
    event.preventDefault();
    const values = Object.fromEntries([...new FormData(form.current!)].map(([name, value]) => [name, String(value)]));
    closeDialog();
    insert(fill(prompt.text, values));
  };
  return (
    <Dialog title={prompt.name} onClose={closeDialog}>
      <form ref={form} onSubmit={use}>
        {prompt.variables.map((name) => (
          <label class="field" key={name}>
            {name}
            <input name={name} dir="auto" required />
          </label>
        ))}
        <Buttons main={words.prompts.insert} />
      </form>
    </Dialog>
  );
}

function Buttons({ main }: { main: string }) {
  return (
    <div class="row end">
      <button type="button" class="button" onClick={closeDialog}>
        {words.prompts.cancel}
      </button>
      <button type="submit" class="button button-main">
        {main}
      </button>
    </div>
  );
}
