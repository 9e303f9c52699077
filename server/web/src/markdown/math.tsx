/* A formula: TeX as it was written until temml is there, MathML from then on.
 *
 * temml is a chunk of its own, loaded with the first complete formula. What it refuses stays
 * as it was written.
 */
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Formula } from "./delimiters";
import { markdownWords } from "./words";

const MAX_LENGTH = 10_000;

type Render = (tex: string, isBlock: boolean) => ComponentChildren | undefined;

let render: Render | undefined;

async function load(): Promise<Render | undefined> {
  try {
    render ??= (await import("./tex")).mathElements;
  } catch {
    return undefined;
  }
  return render;
}

/* Once the chunk is there, formulas are rendered with everything else. */
function useRender(isWanted: boolean): Render | undefined {
  const [, setLoaded] = useState(render !== undefined);
  useEffect(() => {
    if (isWanted && !render) void load().then((found) => setLoaded(found !== undefined));
  }, [isWanted]);
  return render;
}

export function MathView({ formula }: { formula: Formula }) {
  const isWanted = !formula.isOpen && formula.text.length <= MAX_LENGTH;
  const toElements = useRender(isWanted);
  const elements = useMemo(
    () => (isWanted ? toElements?.(formula.text, formula.isBlock) : undefined),
    [isWanted, toElements, formula.text, formula.isBlock],
  );
  return <>{elements ?? <code class="md-tex">{formula.raw.trim()}</code>}</>;
}

export function MathBlock({ formula }: { formula: Formula }) {
  return (
    <div class="md-math" tabIndex={0} role="group" aria-label={markdownWords.formula}>
      <MathView formula={formula} />
    </div>
  );
}
