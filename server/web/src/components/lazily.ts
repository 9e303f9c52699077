/* Components that are fetched when they are wanted for the first time. */
import { signal } from "@preact/signals";
import { h, type ComponentType, type FunctionComponent } from "preact";
import { useEffect } from "preact/hooks";

import { sayProblem } from "../state/notices";
import { words } from "../words";

interface WhenMissing {
  /** Drawn in its place. */
  readonly draw?: ComponentType<{ readonly onAgain: () => void }>;
  /** Takes back that it was wanted. */
  readonly run?: () => void;
}

/** A component that draws nothing until it is there. That it cannot be fetched is said, in its place if there is one. */
export function lazily<P extends object>(
  fetch: () => Promise<ComponentType<P>>,
  missing: WhenMissing = {},
): FunctionComponent<P> {
  const fetched = signal<ComponentType<P> | null>(null);
  const isMissing = signal(false);
  let isAsked = false;
  const ask = async (): Promise<void> => {
    if (isAsked) return;
    isAsked = true;
    isMissing.value = false;
    try {
      fetched.value = await fetch();
    } catch {
      isAsked = false;
      isMissing.value = true;
      if (!missing.draw) sayProblem(words.failure.partOfPage);
      missing.run?.();
    }
  };
  return function Lazy(props: P) {
    useEffect(() => void ask(), []);
    if (fetched.value) return h(fetched.value, props);
    return missing.draw && isMissing.value ? h(missing.draw, { onAgain: () => void ask() }) : null;
  };
}
