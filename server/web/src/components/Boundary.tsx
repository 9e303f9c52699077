/* Keeps what cannot be drawn from taking the page with it: the text is shown as it is. */
import { Component, type ComponentChildren } from "preact";

import { words } from "../words";

interface Props {
  readonly text: string;
  readonly children: ComponentChildren;
}

export class Boundary extends Component<Props, { readonly isBroken: boolean }> {
  override state = { isBroken: false };

  static override getDerivedStateFromError(): { readonly isBroken: boolean } {
    return { isBroken: true };
  }

  override render() {
    if (!this.state.isBroken) return this.props.children;
    return (
      <>
        <p class="ending">{words.message.broken}</p>
        <pre class="plain" dir="auto">
          {this.props.text}
        </pre>
      </>
    );
  }
}
