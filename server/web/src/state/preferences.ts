/* How this person likes the page, on this device. */
import { signal } from "@preact/signals";

import { remembered } from "./storage";

/** Whether Enter sends, or only with Ctrl. */
export const sendsWithEnter = remembered("sends-with-enter", true);
export const isSidebarOpen = remembered("sidebar", true);
/** On a phone the list lies over the chat, and is closed at first. */
export const isDrawerOpen = signal(false);
/** Whether each token of an answer shows how likely it was. */
export const showsProbabilities = remembered("probabilities", false);
export const device = remembered("device", "auto");
export const preferredModel = remembered("model", "");

const isNarrow = matchMedia("(max-width: 52rem)");

export function toggleSidebar(): void {
  if (isNarrow.matches) isDrawerOpen.value = !isDrawerOpen.value;
  else isSidebarOpen.value = !isSidebarOpen.value;
}

/** A keyboard is likely: the composer may take the focus without a keyboard springing up on a screen. */
export const hasKeyboard = (): boolean => matchMedia("(pointer: fine)").matches;
