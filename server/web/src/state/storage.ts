/* What the browser remembers by itself: nothing that matters. It does not know what for. */
import { effect, signal, type Signal } from "@preact/signals";

const PREFIX = "parley.";

/** A value that this browser remembers under a name; private windows and full disks forget it. */
export function remembered<T>(name: string, initial: T): Signal<T> {
  const kept = signal<T>(recall(localStorage, name) ?? initial);
  effect(() => keep(localStorage, name, kept.value));
  return kept;
}

export function recall<T>(storage: Storage, name: string): T | null {
  try {
    const text = storage.getItem(PREFIX + name);
    return text === null ? null : (JSON.parse(text) as T);
  } catch {
    return null;
  }
}

/** Keeps a value; null and the empty string are forgotten. */
export function keep(storage: Storage, name: string, value: unknown): void {
  try {
    if (value === null || value === "") storage.removeItem(PREFIX + name);
    else storage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // A private window or a full disk: the page works all the same.
  }
}
