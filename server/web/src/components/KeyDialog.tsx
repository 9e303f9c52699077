/* Asks for the key that the server wants. */
import { useRef } from "preact/hooks";

import { enterKey, isKeyRemembered, keyWanted, putOffKey } from "../state/session";
import { words } from "../words";
import { Dialog } from "./Dialog";

export function KeyDialog() {
  const field = useRef<HTMLInputElement>(null);
  const remember = useRef<HTMLInputElement>(null);
  const why = keyWanted.value;
  if (!why) return null;
  const enter = (event: Event): void => {
    event.preventDefault();
    const key = field.current?.value ?? "";
    if (key.trim()) enterKey(key, remember.current?.checked ?? false);
  };
  return (
    <Dialog title={words.key.title} onClose={putOffKey}>
      <form onSubmit={enter}>
        <p role={why === "wrong" ? "alert" : undefined} class={why === "wrong" ? "danger" : ""}>
          {why === "wrong" ? words.key.wrong : words.key.missing}
        </p>
        <label class="field">
          {words.key.label}
          <input ref={field} type="password" autocomplete="off" spellcheck={false} required />
        </label>
        <label class="check">
          <input ref={remember} type="checkbox" defaultChecked={isKeyRemembered.value} />
          {words.key.remember}
        </label>
        <div class="row end">
          <button type="submit" class="button button-main">
            {words.key.enter}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
