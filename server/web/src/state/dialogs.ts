/* Which dialog is open, and what it is about. The key dialog opens by itself (`session`). */
import { signal } from "@preact/signals";

import type { SavedPrompt } from "../api/types";
import type { Chat } from "./chat";

export type Dialog =
  | { readonly kind: "palette" | "shortcuts" }
  | { readonly kind: "settings"; readonly chat: Chat }
  /** A text that is to be saved as a prompt. */
  | { readonly kind: "save-prompt"; readonly text: string }
  /** A prompt whose variables are to be filled in, and what is done with the text then. */
  | { readonly kind: "fill-prompt"; readonly prompt: SavedPrompt; readonly insert: (text: string) => void };

export const dialog = signal<Dialog | null>(null);

export const closeDialog = (): void => void (dialog.value = null);
