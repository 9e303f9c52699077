/* Draws a component again only if what it is given has changed. Signals that it reads draw it all the same. */
import { Component, h, type ComponentType, type FunctionComponent } from "preact";

type Compare<P> = (before: P, after: P) => boolean;

/** The component, which is the same for as long as `isSame` says so of what it is given: by default, of each value. */
export function memo<P extends object>(component: ComponentType<P>, isSame: Compare<P> = isShallowlySame): FunctionComponent<P> {
  class Memo extends Component<P> {
    override shouldComponentUpdate(after: P): boolean {
      return !isSame(this.props as P, after);
    }

    override render() {
      return h(component, this.props as P);
    }
  }
  return Memo as unknown as FunctionComponent<P>;
}

function isShallowlySame<P extends object>(before: P, after: P): boolean {
  const keys = Object.keys({ ...before, ...after }) as (keyof P)[];
  return keys.every((key) => Object.is(before[key], after[key]));
}
