/* Blocks that hold others or many lines: lists, quotes and tables.
 *
 * What they hold is rendered by whoever `children` is; alignment and width are left to classes,
 * for the page allows no style of an element's own.
 */
import type { ComponentChildren } from "preact";
import type { Token, Tokens } from "marked";
import { directionOf } from "./direction";
import { Inline } from "./inline";
import { markdownWords } from "./words";

type RenderTokens = (tokens: readonly Token[]) => ComponentChildren;

export function List({ token, render }: { token: Tokens.List; render: RenderTokens }) {
  const items = token.items.map((item, index) => (
    <li key={index} class={item.task ? "md-task" : undefined}>
      {render(item.tokens)}
    </li>
  ));
  const look = { class: token.loose ? "md-list md-loose" : "md-list", dir: directionOf(token.raw) };
  if (!token.ordered) return <ul {...look}>{items}</ul>;
  return <ol {...look} start={token.start === 1 ? undefined : Number(token.start)}>{items}</ol>;
}

export function Quote({ token, render }: { token: Tokens.Blockquote; render: RenderTokens }) {
  return <blockquote class="md-quote" dir={directionOf(token.raw)}>{render(token.tokens)}</blockquote>;
}

/* The frame scrolls, so the keyboard must be able to reach it. */
export function Table({ token }: { token: Tokens.Table }) {
  return (
    <div class="md-table" role="group" aria-label={markdownWords.table} tabIndex={0} dir={directionOf(token.raw)}>
      <table>
        <thead>
          <tr>{token.header.map((cell, index) => <th key={index} scope="col" {...look(cell)}><Inline tokens={cell.tokens} /></th>)}</tr>
        </thead>
        <tbody>{token.rows.map((row, index) => <Row key={index} cells={row} />)}</tbody>
      </table>
    </div>
  );
}

function Row({ cells }: { cells: readonly Tokens.TableCell[] }) {
  return <tr>{cells.map((cell, index) => <td key={index} {...look(cell)}><Inline tokens={cell.tokens} /></td>)}</tr>;
}

const look = ({ align }: Tokens.TableCell): { class?: string } => (align ? { class: `md-${align}` } : {});
