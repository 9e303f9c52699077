/* A button with a drawing and a name. */
import type { IconNode } from "lucide";
import type { ComponentProps } from "preact";

import { Icon } from "./Icon";

interface Props extends ComponentProps<"button"> {
  readonly icon: IconNode;
  readonly label: string;
  readonly isPressed?: boolean;
  /** Whether the name is written beside the drawing. */
  readonly isNamed?: boolean;
}

export function IconButton({ icon, label, isPressed, isNamed = false, class: name = "", ...others }: Props) {
  return (
    <button
      type="button"
      class={`button ${isNamed ? "" : "button-icon"} ${String(name)}`}
      aria-label={isNamed ? undefined : label}
      aria-pressed={isPressed}
      title={isNamed ? undefined : label}
      {...others}
    >
      <Icon of={icon} />
      {isNamed && <span>{label}</span>}
    </button>
  );
}
