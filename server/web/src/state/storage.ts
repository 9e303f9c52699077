/* What the browser remembers by itself: nothing that matters. It does not know what for. */
import { effect, signal, type Signal } from "@preact/signals";

const PREFIX = "parley.";

/** local: until it is forgotten. session: until the tab is closed. */
export type Place = "local" | "session";

/** A value that this browser remembers under a name; private windows and full disks forget it. */
export function remembered<T>(name: string, initial: T): Signal<T> {
  const kept = signal<T>(recall("local", name) ?? initial);
  effect(() => keep("local", name, kept.value));
  return kept;
}

export function recall<T>(place: Place, name: string): T | null {
  try {
    const text = storageOf(place).getItem(PREFIX + name);
    return text === null ? null : (JSON.parse(text) as T);
  } catch {
    return null;
  }
}

/** Keeps a value; null and the empty string are forgotten. */
export function keep(place: Place, name: string, value: unknown): void {
  try {
    if (value === null || value === "") storageOf(place).removeItem(PREFIX + name);
    else storageOf(place).setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // A private window or a full disk: the page works all the same.
  }
}

/** Where all storage is forbidden, even naming it throws. */
const storageOf = (place: Place): Storage => (place === "local" ? localStorage : sessionStorage);
