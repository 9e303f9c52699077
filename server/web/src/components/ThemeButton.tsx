/* Goes from theme to theme: as the system, light, dark. */
import { Monitor, Moon, Sun, type IconNode } from "lucide";

import { nextTheme, theme, type Theme } from "../state/theme";
import { words } from "../words";
import { IconButton } from "./IconButton";

const ICONS: Readonly<Record<Theme, IconNode>> = { system: Monitor, light: Sun, dark: Moon };

export const ThemeButton = () => (
  <IconButton class="theme" icon={ICONS[theme.value]} label={words.header.theme(theme.value)} onClick={nextTheme} />
);
