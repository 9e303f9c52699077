/* Turns markdown into blocks of tokens: marked's lexer with formulas, within limits.
 *
 * A text is first cut into its top-level blocks, then each block is lexed by itself with the
 * link definitions of the whole text: so a block depends on nothing else, and a growing text
 * (`stream.ts`) ends as the same blocks as a stored one. What marked cannot lex in time or
 * throws on becomes one block of plain text. Knows nothing of elements.
 */
import { Lexer, type Token } from "marked";
import { formulas, type Formula } from "./delimiters";
import { GuardedTokenizer } from "./guard";
import { closeInline, dropDoubtfulLine, endsInProse } from "./unclosed";

export type Links = Lexer["tokens"]["links"];

export interface Block {
  readonly key: number;
  readonly source: string;
  readonly tokens: readonly Token[];
  readonly isOpen: boolean;
}

export interface Part {
  readonly source: string;
  readonly isBlank: boolean;
  readonly isUnsure: boolean;
  /* A blank line ends it: whatever follows cannot change it. */
  readonly endsWithBlank: boolean;
}

const ENDED_BY_BLANK = new Set(["paragraph", "heading", "hr", "table"]);
const FENCE = /^ {0,3}(?:`{3}|~{3})/;

function newLexer(length: number, links: Links, mayGrow: boolean): Lexer {
  const tokenizer = new GuardedTokenizer(length, mayGrow);
  const lexer = new Lexer({ gfm: true, breaks: true, extensions: formulas(mayGrow), tokenizer });
  Object.assign(lexer.tokens.links, links);
  return lexer;
}

function isFormula(token: Token): token is Formula {
  return token.type === "formula";
}

export function normalized(text: string): string {
  return text.replace(/\r\n?/g, "\n");
}

export function plain(text: string): Token[] {
  return [{ type: "plain", raw: text, text }];
}

/* The top-level blocks of a text; joined they are the text. Undefined: it could not be cut. */
export function cut(text: string): Part[] | undefined {
  try {
    const tokens = newLexer(text.length, {}, true).blockTokens(text, []);
    if (tokens.map((token) => token.raw).join("") !== text) return undefined;
    return tokens.map(partOf);
  } catch {
    return undefined;
  }
}

function partOf(token: Token): Part {
  const isUnsure = isFormula(token) && token.isOpen;
  const endsWithBlank = ENDED_BY_BLANK.has(token.type) || (token.type === "code" && FENCE.test(token.raw));
  return { source: token.raw, isBlank: token.type === "space", isUnsure, endsWithBlank };
}

/* The link definitions of a text, added to those of the text before it: the first one wins. */
export function withDefinitions(text: string, links: Links): Links {
  if (!text.includes("]:")) return links;
  const lexer = newLexer(text.length, links, false);
  try {
    lexer.blockTokens(text, []);
  } catch {
    return links;
  }
  return lexer.tokens.links;
}

/* The tokens of one block. */
export function lex(source: string, links: Links): Token[] {
  return attempt(() => newLexer(source.length, links, false).lex(source)) ?? plain(source);
}

/* The tokens of what is still being written: its last line is closed, for display only.
 * Undefined: it cannot be lexed in time. */
export function lexOpen(source: string, links: Links): Token[] | undefined {
  return attempt(() => {
    const text = dropDoubtfulLine(source);
    const lexer = newLexer(text.length, links, true);
    lexer.blockTokens(text, lexer.tokens);
    const last = lexer.inlineQueue.at(-1);
    if (last && endsInProse(lexer.tokens)) last.src = closeInline(last.src);
    return lexInlines(lexer);
  });
}

/* What Lexer.lex does after its blocks. */
function lexInlines(lexer: Lexer): Token[] {
  for (const { src, tokens } of lexer.inlineQueue) {
    lexer.state.inRawBlock = false;
    lexer.inlineTokens(src, tokens);
  }
  return lexer.tokens;
}

function attempt(read: () => Token[]): Token[] | undefined {
  try {
    return [...read()];
  } catch {
    return undefined;
  }
}

/* All blocks of a whole text. */
export function blocksOf(text: string): Block[] {
  const sources = sourcesOf(normalized(text));
  const links = sources.reduce<Links>((known, source) => withDefinitions(source, known), {});
  return sources.map((source, key) => ({ key, source, tokens: lex(source, links), isOpen: false }));
}

/* A text that cannot be cut is one block, and stays plain. */
export function sourcesOf(text: string): string[] {
  const parts = cut(text);
  if (!parts) return text.trim() === "" ? [] : [text];
  return parts.filter((part) => !part.isBlank).map((part) => part.source);
}
