/* A button that opens a list of actions above everything else. Esc, a click elsewhere and a choice close it. */
import type { ComponentChildren } from "preact";
import { useId, useRef, useState } from "preact/hooks";

interface Props {
  readonly label: string;
  readonly button: ComponentChildren;
  readonly class?: string;
  /** Asked for when it is opened. */
  readonly children: (close: () => void) => ComponentChildren;
}

const MARGIN = 8;

export function Menu({ label, button, class: name = "button button-icon", children }: Props) {
  const id = useId();
  const opener = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const [isOpen, setIsOpen] = useState(false);
  const close = (): void => list.current?.hidePopover();
  const toggled = (event: Event): void => {
    const opened = (event as ToggleEvent).newState === "open";
    setIsOpen(opened);
    if (opened) requestAnimationFrame(() => place(opener.current, list.current));
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

/** Puts the list below its button, or above it, and always inside the window. */
function place(opener: HTMLElement | null, list: HTMLElement | null): void {
  if (!opener || !list) return;
  const at = opener.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = list;
  const fitsBelow = at.bottom + height + MARGIN <= innerHeight;
  list.style.left = `${Math.max(MARGIN, Math.min(at.left, innerWidth - width - MARGIN))}px`;
  list.style.top = `${fitsBelow ? at.bottom + 4 : Math.max(MARGIN, at.top - height - 4)}px`;
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
