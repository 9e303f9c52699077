/* A markdown text that grows: closed blocks that stay, and the open one that is lexed again.
 *
 * Deltas are kept and taken in by a schedule (once a frame). A block is closed as soon as whole
 * lines say that another one has begun behind it; only a definition of a link that comes late
 * changes a closed block that mentions it. Knows neither elements nor where deltas come from.
 */
import { batch, signal, type ReadonlySignal } from "@preact/signals";
import type { Token } from "marked";
import { onFrame, SLOWEST_MS, type Schedule } from "./frames";
import { cut, lex, lexOpen, normalized, plain, sourcesOf, withDefinitions, type Block, type Links, type Part } from "./lex";

const SMOOTH = 4_000;
const LARGE = 20_000;

export class MarkdownStream {
  readonly closed: ReadonlySignal<readonly Block[]>;
  readonly tail: ReadonlySignal<Block | null>;
  /* How many characters were given to the lexer so far, for tests of what a token costs. */
  lexedCharacters = 0;

  private readonly blocks = signal<readonly Block[]>([]);
  private readonly last = signal<Block | null>(null);
  private readonly pieces: string[] = [];
  private waiting = "";
  private open = "";
  private cutLength = 0;
  /* What could not be cut or lexed is not tried again before it is twice as long. */
  private nextCut = 0;
  private nextLex = 0;
  private links: Links = {};
  private cancel: (() => void) | null = null;
  private isFinished = false;

  constructor(private readonly schedule: Schedule = onFrame) {
    this.closed = this.blocks;
    this.tail = this.last;
  }

  /* Everything pushed, taken in or not. */
  get text(): string {
    if (this.pieces.length > 1) this.pieces.splice(0, this.pieces.length, this.pieces.join(""));
    return this.pieces[0] ?? "";
  }

  push(delta: string): void {
    if (this.isFinished || delta === "") return;
    this.pieces.push(delta);
    this.waiting += delta;
    if (this.cancel) return;
    this.cancel = () => undefined;
    const cancel = this.schedule(() => this.takeIn(), delayFor(this.open.length));
    if (this.cancel) this.cancel = cancel;
  }

  /* Takes in what is left, and closes the last block. */
  finish(): void {
    if (this.isFinished) return;
    this.isFinished = true;
    this.cancel?.();
    this.open += normalized(this.waiting);
    this.waiting = "";
    batch(() => {
      this.close(sourcesOf(this.open));
      this.open = "";
      this.last.value = null;
    });
  }

  private takeIn(): void {
    this.cancel = null;
    const isHalf = this.waiting.endsWith("\r");
    this.open += normalized(isHalf ? this.waiting.slice(0, -1) : this.waiting);
    this.waiting = isHalf ? "\r" : "";
    batch(() => {
      this.closeWhatIsSure();
      this.last.value = this.openBlock();
    });
  }

  /* Whole lines only: half a line may still become something else. */
  private closeWhatIsSure(): void {
    const end = this.open.lastIndexOf("\n") + 1;
    if (end <= this.cutLength || end < this.nextCut) return;
    this.cutLength = end;
    this.lexedCharacters += end;
    const parts = cut(this.open.slice(0, end));
    this.nextCut = parts ? 0 : end * 2;
    if (parts) this.closeParts(parts.slice(0, sureParts(parts)));
  }

  private closeParts(parts: readonly Part[]): void {
    const length = parts.reduce((sum, part) => sum + part.source.length, 0);
    this.open = this.open.slice(length);
    this.cutLength -= length;
    if (length > 0) this.nextLex = 0;
    this.close(parts.filter((part) => !part.isBlank).map((part) => part.source));
  }

  private close(sources: readonly string[]): void {
    if (sources.length === 0) return;
    const links = sources.reduce<Links>((known, source) => withDefinitions(source, known), this.links);
    const added = Object.keys(links).filter((label) => !(label in this.links));
    this.links = links;
    const before = added.length > 0 ? this.blocks.value.map((block) => this.redefined(block, added)) : this.blocks.value;
    const first = before.length;
    this.blocks.value = [...before, ...sources.map((source, index) => this.closedBlock(first + index, source))];
  }

  private redefined(block: Block, labels: readonly string[]): Block {
    const mentioned = folded(block.source);
    return labels.some((label) => mentioned.includes(`[${folded(label)}]`)) ? this.closedBlock(block.key, block.source) : block;
  }

  private closedBlock(key: number, source: string): Block {
    this.lexedCharacters += source.length;
    return { key, source, tokens: lex(source, this.links), isOpen: false };
  }

  private openBlock(): Block | null {
    if (this.open.trim() === "") return null;
    const tokens = this.open.length < this.nextLex ? undefined : this.lexedOpen();
    return { key: this.blocks.value.length, source: this.open, tokens: tokens ?? plain(this.open), isOpen: true };
  }

  private lexedOpen(): Token[] | undefined {
    this.lexedCharacters += this.open.length;
    const tokens = lexOpen(this.open, this.links);
    if (!tokens) this.nextLex = this.open.length * 2;
    return tokens;
  }
}

/* A short open block is lexed with every frame, a large one four times a second. */
function delayFor(length: number): number {
  return length < SMOOTH ? 0 : Math.min(SLOWEST_MS, (length / LARGE) * SLOWEST_MS);
}

/* All before the last block are sure, and that one if a blank line ends it. A formula that is
 * not closed may still turn into text of the block before it. */
function sureParts(parts: readonly Part[]): number {
  const last = parts.findLastIndex((part) => !part.isBlank);
  if (parts[last]?.endsWithBlank && parts[last + 1]?.isBlank) return parts.length;
  if (!parts[last]?.isUnsure || parts[last - 1]?.isBlank) return Math.max(last, 0);
  return Math.max(parts.findLastIndex((part, index) => index < last && !part.isBlank), 0);
}

function folded(text: string): string {
  return text.replace(/\s+/g, " ").replace(/\[ /g, "[").replace(/ \]/g, "]").toLowerCase().toUpperCase();
}
