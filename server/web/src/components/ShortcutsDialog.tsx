/* The list of keys. */
import { closeDialog } from "../state/dialogs";
import { sendsWithEnter } from "../state/preferences";
import { words } from "../words";
import { Dialog } from "./Dialog";

export function ShortcutsDialog() {
  return (
    <Dialog title={words.shortcuts.title} onClose={closeDialog}>
      <dl class="shortcuts">
        {words.shortcuts.list.map(([key, meaning]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input
          type="checkbox"
          checked={sendsWithEnter.value}
          onChange={(event) => (sendsWithEnter.value = event.currentTarget.checked)}
        />
        {words.shortcuts.sendsWithEnter}
      </label>
      <div class="row end">
        <button type="button" class="button button-main" onClick={closeDialog}>
          {words.shortcuts.close}
        </button>
      </div>
    </Dialog>
  );
}
