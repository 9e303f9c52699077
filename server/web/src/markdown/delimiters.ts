/* Where formulas stand in markdown: `$…$`, `$$…$$`, `\(…\)` and `\[…\]`, for marked's lexer.
 *
 * Tells formulas from money: a `$` that closes stands behind no space and before no digit, and
 * an amount followed by words is no formula. Knows nothing of TeX.
 */
import type { MarkedOptions, Tokens } from "marked";

export interface Formula extends Tokens.Generic {
  type: "formula";
  raw: string;
  text: string;
  isBlock: boolean;
  isOpen: boolean;
}

const INLINE = [
  /^\$\$(?!\$)((?:[^\n$\\]|\\[^]|\n(?!\s*\n))+?)\$\$(?!\$)/,
  /^\$(?![\s$])((?:[^\n$\\]|\\[^\n])*?)\$(?![\d$])/,
  /^\\\(((?:[^\n]|\n(?!\s*\n))+?)\\\)/,
  /^\\\[((?:[^\n]|\n(?!\s*\n))+?)\\\]/,
];
const DISPLAYED = /^(?:\$\$|\\\[)/;
const MONEY = /^\d[\d.,]*\s+[a-z]{2,}/i;
const BLOCK_START = /^ {0,3}(\$\$(?!\$)|\\\[)/;
const LATER_BLOCK_START = /\n {0,3}(?:\$\$(?!\$)|\\\[)/;
const LONGEST_PARAGRAPH = 10_000;
const BLANK_LINE = /\n[ \t]*\n/;

function formula(raw: string, text: string, isBlock: boolean, isOpen = false): Formula {
  return { type: "formula", raw, text: text.trim(), isBlock, isOpen };
}

function isFormula(raw: string, text: string): boolean {
  const isDollar = raw[0] === "$" && raw[1] !== "$";
  return text.trim() !== "" && !(isDollar && (/\s$/.test(text) || MONEY.test(text)));
}

export function inlineFormula(src: string): Formula | undefined {
  if (src[0] !== "$" && src[0] !== "\\") return undefined;
  const found = INLINE.map((pattern) => pattern.exec(src)).find((match) => match !== null);
  const [raw, text] = found ?? [];
  if (raw === undefined || text === undefined || !isFormula(raw, text)) return undefined;
  return formula(raw, text, DISPLAYED.test(raw));
}

function paragraphOf(src: string): { text: string; isLast: boolean } {
  const blank = BLANK_LINE.exec(src);
  return { text: blank ? src.slice(0, blank.index) : src, isLast: blank === null };
}

/* A formula of its own lines. Where more text may come, one that the end cuts off is open. */
export function blockFormula(src: string, mayGrow: boolean): Formula | undefined {
  const start = BLOCK_START.exec(src);
  if (!start) return undefined;
  const { text, isLast } = paragraphOf(src);
  const close = start[1] === "$$" ? "$$" : "\\]";
  const end = text.indexOf(close, start[0].length);
  if (end < 0) return isLast && mayGrow ? formula(src, src, true, true) : undefined;
  return closedBlock(text, start[0].length, end);
}

function closedBlock(text: string, start: number, end: number): Formula | undefined {
  const rest = /^[ \t]*(?:\n|$)/.exec(text.slice(end + 2));
  const inner = text.slice(start, end);
  if (!rest || inner.trim() === "") return undefined;
  return formula(text.slice(0, end + 2 + rest[0].length), inner, true);
}

/* Only the beginning of a line: any other answer would have each `$` cut a paragraph in two. */
function startOfBlock(src: string): number | undefined {
  const match = LATER_BLOCK_START.exec(paragraphOf(src.slice(0, LONGEST_PARAGRAPH)).text);
  return match ? match.index + 1 : undefined;
}

/* Does a formula of its own lines begin within the first `length` characters? */
export function holdsFormula(src: string, length: number, mayGrow: boolean): boolean {
  const start = startOfBlock(src);
  return start !== undefined && start < length && blockFormula(src.slice(start), mayGrow) !== undefined;
}

function startOfInline(src: string): number | undefined {
  const index = src.indexOf("$");
  return index < 0 ? undefined : index;
}

export function formulas(mayGrow: boolean): NonNullable<MarkedOptions["extensions"]> {
  return {
    renderers: {},
    childTokens: {},
    block: [(src) => blockFormula(src, mayGrow)],
    inline: [inlineFormula],
    startBlock: [startOfBlock],
    startInline: [startOfInline],
  };
}
