/* A function that the model called, with its arguments, or what came back. */
import { words } from "../words";

export function ToolCall({ name, json }: { name: string; json: string }) {
  return (
    <details class="fold">
      <summary>{name ? words.message.call(name) : words.message.result}</summary>
      <pre class="fold-body json" tabIndex={0} role="region" aria-label={name || words.message.result}>
        {indented(json)}
      </pre>
    </details>
  );
}

function indented(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}
