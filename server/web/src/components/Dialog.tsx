/* A window above the page that wants an answer. Esc and a click beside it close it; the focus goes back then. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

interface Props {
  readonly title: string;
  readonly onClose: () => void;
  readonly class?: string;
  readonly isTitleHidden?: boolean;
  readonly children: ComponentChildren;
}

export function Dialog({ title, onClose, class: name = "", isTitleHidden = false, children }: Props) {
  const id = useId();
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    element.current?.showModal();
    return () => (before instanceof HTMLElement ? before.focus() : undefined);
  }, []);
  const closeBeside = (event: Event): void => {
    if (event.target === element.current) onClose();
  };
  const cancel = (event: Event): void => {
    event.preventDefault();
    onClose();
  };
  return (
    <dialog ref={element} class={`dialog ${name}`} aria-labelledby={id} onCancel={cancel} onMouseDown={closeBeside}>
      <h2 id={id} class={isTitleHidden ? "unseen" : ""}>
        {title}
      </h2>
      {children}
    </dialog>
  );
}
