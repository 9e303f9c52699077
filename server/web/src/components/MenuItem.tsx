/* An action of a menu. */
import { Check, type IconNode } from "lucide";

import { Icon } from "./Icon";

interface Props {
  readonly icon: IconNode;
  readonly label: string;
  readonly isChecked?: boolean;
  readonly isDangerous?: boolean;
  readonly onClick: () => void;
}

export function MenuItem({ icon, label, isChecked, isDangerous = false, onClick }: Props) {
  return (
    <button type="button" class={`menu-item ${isDangerous ? "danger" : ""}`} aria-pressed={isChecked} onClick={onClick}>
      <Icon of={icon} size={16} />
      <span class="grow">{label}</span>
      {isChecked && <Icon of={Check} size={16} />}
    </button>
  );
}
