/* A button that opens a list of actions above everything else. Esc, a click elsewhere and a choice close it. */
import type { ComponentChildren } from "preact";
import { useId, useRef, useState } from "preact/hooks";

import { placeBeside } from "./placing";

interface Props {
  readonly label: string;
  readonly button: ComponentChildren;
  readonly class?: string;
  /** Asked for when it is opened. */
  readonly children: (close: () => void) => ComponentChildren;
}

export function Menu({ label, button, class: name = "button button-icon", children }: Props) {
  const id = useId();
  const opener = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const [isOpen, setIsOpen] = useState(false);
  const close = (): void => list.current?.hidePopover();
  const toggled = (event: Event): void => {
    const opened = (event as ToggleEvent).newState === "open";
    setIsOpen(opened);
    if (opened) requestAnimationFrame(() => settle(opener.current, list.current));
  };
  return (
    <>
      <button
        ref={opener}
        type="button"
        class={name}
        aria-label={label}
        title={label}
        aria-expanded={isOpen}
        popovertarget={id}
      >
        {button}
      </button>
      <div ref={list} id={id} class="menu" popover="auto" onToggle={toggled} onKeyDown={moveFocus}>
        {isOpen && children(close)}
      </div>
    </>
  );
}

/** Puts the list where it belongs, and the focus on its first action. */
function settle(opener: HTMLElement | null, list: HTMLElement | null): void {
  if (!opener || !list) return;
  placeBeside(opener, list);
  list.querySelector<HTMLElement>("button, input, select, a")?.focus();
}

/** Arrow keys go from action to action. */
function moveFocus(event: KeyboardEvent): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || event.target instanceof HTMLSelectElement || !(event.currentTarget instanceof HTMLElement)) return;
  const all = [...event.currentTarget.querySelectorAll<HTMLElement>("button:not(:disabled), a, select")];
  const index = all.indexOf(document.activeElement as HTMLElement);
  all[(index + step + all.length) % all.length]?.focus();
  event.preventDefault();
}
