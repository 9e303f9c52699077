/* What a model thought before it answered: folded, and open while it is being written. */
import type { ComponentChildren } from "preact";

import { duration as asDuration } from "../format";
import { words } from "../words";

interface Props {
  /** Milliseconds, if they are known. */
  readonly duration?: number | null;
  readonly isOpen?: boolean;
  readonly children: ComponentChildren;
}

export function Reasoning({ duration, isOpen = false, children }: Props) {
  return (
    <details class="fold" open={isOpen}>
      <summary>{duration ? words.message.thoughtFor(asDuration(duration)) : words.message.thoughts}</summary>
      <div class="fold-body thoughts">{children}</div>
    </details>
  );
}
