/* The key of the person, and whether one is wanted. It does not know what the key opens. */
import { signal } from "@preact/signals";

import { ApiFailure } from "../api/failure";
import { useKey } from "../api/client";
import { keep, recall } from "./storage";

const NAME = "key";

/** Why a key is asked for; null is that none is. */
export const keyWanted = signal<"missing" | "wrong" | null>(null);
/** The same, when the person has closed the dialog without one. */
export const keyPutOff = signal<"missing" | "wrong" | null>(null);
export const isKeyRemembered = signal(recall<string>("local", NAME) !== null);

let key = recall<string>("local", NAME) ?? recall<string>("session", NAME) ?? "";
useKey(key);

/** Calls what has to be done again once there is a key. */
const waiting = new Set<() => void>();

export function whenKeyChanges(callback: () => void): () => void {
  waiting.add(callback);
  return () => waiting.delete(callback);
}

export function enterKey(entered: string, isRemembered: boolean): void {
  key = entered.trim();
  isKeyRemembered.value = isRemembered;
  keep("local", NAME, isRemembered ? key : null);
  keep("session", NAME, isRemembered ? null : key);
  useKey(key);
  keyWanted.value = null;
  keyPutOff.value = null;
  for (const callback of waiting) callback();
}

export const forgetKey = (): void => enterKey("", false);

/** Closes the dialog; it opens again when the person wants it. */
export function putOffKey(): void {
  keyPutOff.value = keyWanted.value;
  keyWanted.value = null;
}

export function askForKey(): void {
  keyWanted.value = keyPutOff.value ?? keyWanted.value;
  keyPutOff.value = null;
}

/** Opens the key dialog if that is what a failure is about; whether it was. */
export function noticeKeyFailure(error: unknown): boolean {
  if (!(error instanceof ApiFailure) || error.kind !== "key") return false;
  (keyPutOff.value ? keyPutOff : keyWanted).value = key ? "wrong" : "missing";
  return true;
}
