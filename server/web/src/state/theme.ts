/* Light, dark, or as the system is. */
import { effect } from "@preact/signals";

import { remembered } from "./storage";

export type Theme = "system" | "light" | "dark";

const ORDER: readonly Theme[] = ["system", "light", "dark"];

export const theme = remembered<Theme>("theme", "system");

export function nextTheme(): void {
  theme.value = ORDER[(ORDER.indexOf(theme.value) + 1) % ORDER.length] ?? "system";
}

export const startTheme = (): (() => void) =>
  effect(() => {
    document.documentElement.dataset["theme"] = theme.value;
  });
