/* marked's tokenizer, held within limits of depth and time, and told where it ends too late.
 *
 * Some texts cost marked quadratic time or its whole stack. Below MAX_DEPTH levels a marker is
 * plain text; past the time limit `Overrun` is thrown, which `lex.ts` answers with plain text.
 * Knows nothing of what is rendered.
 */
import { Tokenizer, type Tokens } from "marked";
import { holdsFormula } from "./delimiters";

export const MAX_DEPTH = 50;
const PATIENCE_MS = 50;
const MS_PER_CHARACTER = 1 / 250;
const STEPS_PER_GLANCE = 256;

export class Overrun extends Error {}

export class GuardedTokenizer extends Tokenizer {
  private depth = 0;
  private steps = 0;
  private readonly deadline: number;

  constructor(length: number, private readonly mayGrow: boolean) {
    super();
    this.deadline = performance.now() + PATIENCE_MS + length * MS_PER_CHARACTER;
  }

  /* marked asks for these two first, once for every block and once for every piece of a line. */
  override space(src: string): Tokens.Space | undefined {
    this.glance();
    return super.space(src);
  }

  override escape(src: string): Tokens.Escape | undefined {
    this.glance();
    return super.escape(src);
  }

  override blockquote(src: string): Tokens.Blockquote | undefined {
    return this.deeper(() => super.blockquote(src));
  }

  override list(src: string): Tokens.List | undefined {
    return this.deeper(() => super.list(src));
  }

  override link(src: string): Tokens.Link | Tokens.Image | undefined {
    return this.deeper(() => super.link(src));
  }

  override emStrong(src: string, masked: string, before?: string): Tokens.Em | Tokens.Strong | undefined {
    return this.deeper(() => super.emStrong(src, masked, before));
  }

  override del(src: string, masked: string, before?: string): Tokens.Del | undefined {
    return this.deeper(() => super.del(src, masked, before));
  }

  /* A footnote is no definition of a link: both its ends stay text. */
  override def(src: string): Tokens.Def | undefined {
    return /^ {0,3}\[\^/.test(src) ? undefined : super.def(src);
  }

  /* marked lets a heading of many lines run through a formula, since it knows none. */
  override lheading(src: string): Tokens.Heading | undefined {
    const heading = super.lheading(src);
    if (!heading || !holdsFormula(src, heading.raw.length, this.mayGrow)) return heading;
    this.lexer.inlineQueue.pop();
    return undefined;
  }

  private deeper<T>(read: () => T | undefined): T | undefined {
    if (this.depth >= MAX_DEPTH) return undefined;
    this.depth += 1;
    try {
      return read();
    } finally {
      this.depth -= 1;
    }
  }

  private glance(): void {
    this.steps += 1;
    if (this.steps % STEPS_PER_GLANCE === 0 && performance.now() > this.deadline) throw new Overrun();
  }
}
