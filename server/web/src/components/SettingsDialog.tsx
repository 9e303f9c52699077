/* How a chat is answered: instructions, and numbers where the server's are not wanted. */
import { useRef } from "preact/hooks";

import type { ChatDefaults } from "../api/types";
import type { Chat, ChatSettings } from "../state/chat";
import { closeDialog } from "../state/dialogs";
import { changeSettings } from "../state/settings";
import { words } from "../words";
import { Dialog } from "./Dialog";

interface NumberField {
  readonly name: "temperature" | "top_p" | "max_output_tokens" | "seed";
  readonly label: string;
  readonly min: number;
  readonly max?: number;
  readonly step: number;
}

const NUMBERS: readonly NumberField[] = [
  { name: "temperature", label: words.settings.temperature, min: 0, max: 2, step: 0.05 },
  { name: "top_p", label: words.settings.topP, min: 0, max: 1, step: 0.05 },
  { name: "max_output_tokens", label: words.settings.maxTokens, min: 16, step: 1 },
  { name: "seed", label: words.settings.seed, min: 0, step: 1 },
];

export function SettingsDialog({ chat }: { chat: Chat }) {
  const form = useRef<HTMLFormElement>(null);
  const { instructions, defaults } = chat.settings.value;
  const save = (event: Event): void => {
    event.preventDefault();
    if (!form.current) return;
    closeDialog();
    void changeSettings(chat, read(new FormData(form.current), defaults));
  };
  return (
    <Dialog title={words.settings.title} onClose={closeDialog} class="wide">
      <form ref={form} onSubmit={save}>
        <label class="field">
          {words.settings.instructions}
          <textarea name="instructions" rows={5} dir="auto" placeholder={words.settings.instructionsHint} defaultValue={instructions ?? ""} />
        </label>
        <div class="fields">
          {NUMBERS.map(({ name, label, ...bounds }) => (
            <label class="field" key={name}>
              {label}
              <input type="number" name={name} placeholder={words.settings.asServer} defaultValue={String(defaults[name] ?? "")} {...bounds} />
            </label>
          ))}
          <EffortField effort={defaults.reasoning?.effort ?? ""} />
        </div>
        <div class="row end">
          <button type="button" class="button" onClick={closeDialog}>
            {words.settings.cancel}
          </button>
          <button type="submit" class="button button-main">
            {words.settings.save}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function EffortField({ effort }: { effort: string }) {
  return (
    <label class="field">
      {words.settings.effort}
      <select name="effort" defaultValue={effort}>
        <option value="" selected={!effort}>
          {words.settings.asServer}
        </option>
        {words.settings.efforts.map((one) => (
          <option key={one} value={one} selected={one === effort}>
            {one}
          </option>
        ))}
      </select>
    </label>
  );
}

function read(form: FormData, before: ChatDefaults): ChatSettings {
  const textIn = (name: string): string => String(form.get(name) ?? "").trim();
  const numbers = NUMBERS.flatMap(({ name }) => (textIn(name) ? [[name, Number(textIn(name))]] : []));
  const effort = textIn("effort");
  return {
    instructions: textIn("instructions") || null,
    defaults: {
      ...(before.model ? { model: before.model } : {}),
      ...Object.fromEntries(numbers),
      ...(effort ? { reasoning: { effort } } : {}),
    },
  };
}
