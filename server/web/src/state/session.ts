/* The key of the person, and whether one is wanted. It does not know what the key opens. */
import { signal } from "@preact/signals";

import { ApiFailure } from "../api/failure";
import { useKey } from "../api/client";
import { keep, recall } from "./storage";

const NAME = "key";

/** Why a key is asked for; null is that none is. */
export const keyWanted = signal<"missing" | "wrong" | null>(null);
export const isKeyRemembered = signal(recall<string>(localStorage, NAME) !== null);

let key = recall<string>(localStorage, NAME) ?? recall<string>(sessionStorage, NAME) ?? "";
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
  keep(localStorage, NAME, isRemembered ? key : null);
  keep(sessionStorage, NAME, isRemembered ? null : key);
  useKey(key);
  keyWanted.value = null;
  for (const callback of waiting) callback();
}

export const forgetKey = (): void => enterKey("", false);

export const hasKey = (): boolean => key !== "";

/** Opens the key dialog if that is what a failure is about; whether it was. */
export function noticeKeyFailure(error: unknown): boolean {
  if (!(error instanceof ApiFailure) || error.kind !== "key") return false;
  keyWanted.value = key ? "wrong" : "missing";
  return true;
}
