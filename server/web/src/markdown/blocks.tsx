/* Markdown as elements: `Markdown` for a text that stands, `LiveMarkdown` for one that grows.
 *
 * A block is rendered again only when it is another object, so a token costs the open block
 * alone. Headings begin at h3: the page has its own above. No HTML is ever parsed.
 */
import { Component, type ComponentChildren, type VNode } from "preact";
import { useMemo } from "preact/hooks";
import type { Token, Tokens } from "marked";
import { CodeBlock, isFenceClosed } from "./code";
import { List, Quote, Table } from "./containers";
import type { Formula } from "./delimiters";
import { Inline } from "./inline";
import { blocksOf, type Block } from "./lex";
import { MathBlock } from "./math";
import type { MarkdownStream } from "./stream";

/* Between blocks they only make room, which there is. */
const LINE_BREAKS = /^(?:\s*<br\s*\/?>)+\s*$/i;

export function Markdown({ text }: { text: string }) {
  const blocks = useMemo(() => blocksOf(text), [text]);
  return <div class="md">{blocks.map((block) => <BlockView key={block.key} block={block} />)}</div>;
}

/* The vnodes of closed blocks are kept: Preact passes over one that it has seen. */
export function LiveMarkdown({ stream }: { stream: MarkdownStream }) {
  const closed = stream.closed.value;
  const tail = stream.tail.value;
  const views = useMemo(() => closed.map((block) => <BlockView key={block.key} block={block} />), [closed]);
  return <div class="md">{tail ? [...views, <BlockView key={tail.key} block={tail} />] : views}</div>;
}

export class BlockView extends Component<{ block: Block }> {
  override shouldComponentUpdate(next: { block: Block }): boolean {
    return next.block !== this.props.block;
  }

  override render({ block }: { block: Block }): VNode {
    return <Blocks tokens={block.tokens} isOpen={block.isOpen} />;
  }
}

/* Only the last block of an open one is open itself. */
function Blocks({ tokens, isOpen }: { tokens: readonly Token[]; isOpen: boolean }) {
  const last = tokens.length - 1;
  return <>{tokens.map((token, index) => blockOf(token, isOpen && index === last))}</>;
}

function blockOf(token: Token, isOpen: boolean): ComponentChildren {
  const render = (tokens: readonly Token[]) => <Blocks tokens={tokens} isOpen={isOpen} />;
  switch (token.type) {
    case "list":
      return <List token={token as Tokens.List} render={render} />;
    case "blockquote":
      return <Quote token={token as Tokens.Blockquote} render={render} />;
    case "table":
      return <Table token={token as Tokens.Table} />;
    case "code":
      return <Code token={token as Tokens.Code} isOpen={isOpen} />;
    default:
      return lineOf(token);
  }
}

function Code({ token, isOpen }: { token: Tokens.Code; isOpen: boolean }) {
  return <CodeBlock text={token.text} language={token.lang ?? ""} isOpen={isOpen && !isFenceClosed(token.raw)} />;
}

function lineOf(token: Token): ComponentChildren {
  switch (token.type) {
    case "paragraph":
      return <p dir="auto"><Inline tokens={token.tokens} /></p>;
    case "heading":
      return <Heading token={token as Tokens.Heading} />;
    case "hr":
      return <hr class="md-rule" />;
    case "formula":
      return <MathBlock formula={token as Formula} />;
    case "html":
    case "plain":
      if (LINE_BREAKS.test(token.raw)) return null;
      return <p class="md-plain" dir="auto">{token.raw}</p>;
    case "def":
    case "space":
      return null;
    default:
      return <Inline tokens={[token]} />;
  }
}

/* An empty one would be a stop on the way through the headings that says nothing. */
function Heading({ token }: { token: Tokens.Heading }) {
  if (token.text === "") return null;
  const Level = (["h3", "h4", "h5", "h6"] as const)[Math.min(token.depth, 4) - 1] ?? "h6";
  return <Level dir="auto"><Inline tokens={token.tokens} /></Level>;
}
