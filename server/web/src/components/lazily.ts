/* Components that are fetched when they are wanted for the first time. */
import { signal } from "@preact/signals";
import { h, type ComponentType, type FunctionComponent } from "preact";
import { useEffect } from "preact/hooks";

import { sayProblem } from "../state/notices";
import { words } from "../words";

type Missing = ComponentType<{ readonly onAgain: () => void }>;

/** A component that draws nothing until it is there, and `missing` if it cannot be fetched. */
export function lazily<P extends object>(fetch: () => Promise<ComponentType<P>>, missing?: Missing): FunctionComponent<P> {
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
      if (!missing) sayProblem(words.failure.partOfPage);
    }
  };
  return function Lazy(props: P) {
    useEffect(() => void ask(), []);
    if (fetched.value) return h(fetched.value, props);
    return missing && isMissing.value ? h(missing, { onAgain: () => void ask() }) : null;
  };
}
