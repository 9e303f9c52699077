/* A block of code: its language, a button that copies it, and its colours once it is complete.
 *
 * The highlighter is a chunk of its own, loaded when the first closed block is on the page and
 * the browser is idle. Without it, and above MAX_HIGHLIGHTED characters, code stays plain.
 */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { copyText } from "../clipboard";
import { whenIdle } from "./idle";
import { markdownWords } from "./words";

const MAX_HIGHLIGHTED = 50_000;
const COPIED_MS = 2000;
const LANGUAGE = /^[\w+#.-]{1,30}/;

/* Indented code has no fence: it is complete when the block is. */
export function isFenceClosed(raw: string): boolean {
  const fence = /^ {0,3}(`{3,}|~{3,})/.exec(raw)?.[1];
  return fence !== undefined && new RegExp(`\\n {0,3}${fence}[\`~]* *\\n*$`).test(raw);
}

interface CodeProps {
  text: string;
  language: string;
  isOpen: boolean;
}

export function CodeBlock({ text, language, isOpen }: CodeProps) {
  const name = LANGUAGE.exec(language)?.[0] ?? "";
  const label = name || markdownWords.plainCode;
  const coloured = useHighlighted(text, name, isOpen);
  return (
    <div class="md-code">
      <div class="md-code-head">
        <span class="md-code-language">{label}</span>
        <CopyButton text={text} label={label} />
      </div>
      <pre role="group" aria-label={markdownWords.code(label)} tabIndex={0} dir="ltr">
        <code>{coloured ?? text}</code>
      </pre>
    </div>
  );
}

interface Coloured {
  text: string;
  name: string;
  content: ComponentChildren;
}

/* The colours of this very text, or undefined as long as there are none. */
function useHighlighted(text: string, name: string, isOpen: boolean): ComponentChildren | undefined {
  const [coloured, setColoured] = useState<Coloured>();
  useEffect(() => {
    if (isOpen || name === "" || text.length > MAX_HIGHLIGHTED) return;
    return whileMounted((isMounted) => colour(text, name, isMounted, setColoured));
  }, [text, name, isOpen]);
  return coloured?.text === text && coloured.name === name ? coloured.content : undefined;
}

function whileMounted(run: (isMounted: () => boolean) => Promise<void>): () => void {
  let isHere = true;
  const cancel = whenIdle(() => void run(() => isHere));
  return () => {
    isHere = false;
    cancel();
  };
}

/* A chunk that cannot be loaded leaves the code as it is. */
async function colour(text: string, name: string, isMounted: () => boolean, set: (coloured: Coloured) => void): Promise<void> {
  try {
    const { highlighted } = await import("./highlight");
    const content = isMounted() ? highlighted(text, name) : undefined;
    if (content !== undefined) set({ text, name, content });
  } catch {
    return;
  }
}

function CopyButton({ text, label }: { text: string; label: string }) {
  const [isCopied, setCopied] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    if (!(await copyText(text))) return;
    setCopied(true);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setCopied(false), COPIED_MS);
  };
  const word = isCopied ? markdownWords.copied : markdownWords.copy;
  return (
    <button type="button" class="md-copy" onClick={copy} aria-label={isCopied ? word : markdownWords.copyCode(label)}>
      {word}
    </button>
  );
}
