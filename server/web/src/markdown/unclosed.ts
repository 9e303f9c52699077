/* Closes what the last line of a growing text has left open, for display only.
 *
 * `**bo` is shown as bold at once, `[text](htt` as its text, and a line of which nobody can say
 * yet what it is (`-` may begin a list or underline a heading) not at all. Knows markdown's
 * delimiters, not marked's state: where it guesses wrong, the next character puts it right.
 */
import type { Token, Tokens } from "marked";

const DOUBTFUL_LINE = /(?:^|\n) {0,3}(?:[-=_*+|: \t]+|`{1,2}|~{1,2})$/;
const PROSE = new Set(["paragraph", "text", "heading", "table"]);
const CODE = /^(`+)(?!`)(?:[^]*?[^`])?\1(?!`)/;
const RUN = /^(?:\*+|_+|~{1,2})/;
const LINK_TARGET = /!?\[((?:[^[\]\\]|\\.)*)\]\([^()\s]*(?:\s[^()]*)?$/;

/* Is the last thing of these tokens a line in which delimiters count? */
export function endsInProse(tokens: readonly Token[]): boolean {
  const last = tokens.findLast((token) => token.type !== "space");
  if (!last) return false;
  if (last.type === "list") return endsInProse((last as Tokens.List).items.at(-1)?.tokens ?? []);
  if (last.type === "blockquote") return endsInProse((last as Tokens.Blockquote).tokens);
  return PROSE.has(last.type);
}

export function dropDoubtfulLine(text: string): string {
  const match = DOUBTFUL_LINE.exec(text);
  return match && match[0].trim() !== "" ? text.slice(0, match.index) : text;
}

export function closeInline(src: string): string {
  const { open, code } = scan(src);
  if (code !== undefined) return closeCode(src, code) + closers(open);
  const text = src.replace(LINK_TARGET, (match, label: string) => `${match[0] === "!" ? "!" : ""}[${label}]()`);
  return open.length === 0 ? withoutDanglingRun(text) : withoutDanglingRun(text, open).trimEnd() + closers(open);
}

interface Scan {
  readonly open: string[];
  readonly code: string | undefined;
}

/* Walks over escapes and code; keeps the runs that opened and were not closed. */
function scan(src: string): Scan {
  const open: string[] = [];
  for (let at = 0; at < src.length; ) {
    const rest = src.slice(at, at + 1) === "`" ? src.slice(at) : src.slice(at, at + 40);
    if (rest[0] === "\\") at += 2;
    else if (rest[0] === "`") {
      const code = CODE.exec(rest);
      if (!code) return { open, code: /^`+/.exec(rest)?.[0] };
      at += code[0].length;
    } else {
      const run = RUN.exec(rest)?.[0];
      if (run) note(run, src[at - 1] ?? " ", src[at + run.length] ?? " ", open);
      at += run?.length ?? 1;
    }
  }
  return { open, code: undefined };
}

function note(run: string, before: string, after: string, open: string[]): void {
  if (run[0] === "~" && run.length !== 2) return;
  const isWord = run[0] === "_" && /[\p{L}\p{N}]/u.test(before) && /[\p{L}\p{N}]/u.test(after);
  if (isWord || run.length > 3) return;
  if (/\S/.test(before) && closes(run, open)) return;
  if (/\S/.test(after)) open.push(run);
}

/* Takes what this run closes off the open ones: all of one, or `*` and `**` of `***`. */
function closes(run: string, open: string[]): boolean {
  const index = open.findLastIndex((other) => other[0] === run[0] && other.length >= run.length);
  const found = open[index];
  if (found === undefined) return false;
  open.length = index;
  if (found.length > run.length) open.push(found.slice(run.length));
  return true;
}

function closers(open: readonly string[]): string {
  return open.toReversed().join("");
}

/* A run at the very end opens or half closes something: it is shown once more is known. */
function withoutDanglingRun(text: string, open: readonly string[] = []): string {
  const run = /(?<!\\)(?:\*{1,3}|~{1,2}|_{1,3})$/.exec(text)?.[0];
  if (run === undefined) return text;
  const before = text.slice(0, -run.length);
  const isOpening = before === "" || /\s$/.test(before);
  const isHalf = open.some((other) => other[0] === run[0] && other.length > run.length);
  return isOpening || isHalf ? before : text;
}

function closeCode(src: string, code: string): string {
  const start = src.lastIndexOf(code);
  return start + code.length === src.length ? src.slice(0, start) : src + code;
}
