/* Components that are fetched when they are wanted for the first time. */
import { signal } from "@preact/signals";
import { h, type ComponentType, type FunctionComponent } from "preact";
import { useEffect } from "preact/hooks";

/** A component that draws nothing until it is there. */
export function lazily<P extends object>(fetch: () => Promise<ComponentType<P>>): FunctionComponent<P> {
  const fetched = signal<ComponentType<P> | null>(null);
  let isAsked = false;
  return function Lazy(props: P) {
    useEffect(() => {
      if (isAsked) return;
      isAsked = true;
      fetch().then(
        (component) => void (fetched.value = component),
        () => void (isAsked = false),
      );
    }, []);
    return fetched.value ? h(fetched.value, props) : null;
  };
}
