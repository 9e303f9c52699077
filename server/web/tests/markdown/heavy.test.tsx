/* Texts that cost a parser its stack or its time: each is shown, and soon. */
import { cleanup, render } from "@testing-library/preact";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Markdown } from "../../src/markdown/blocks";
import { atOnce } from "./at_once";
import { blocksOf } from "../../src/markdown/lex";
import { MarkdownStream } from "../../src/markdown/stream";

const SOON_MS = 5000;

const heavy: Record<string, string> = {
  "2,000 nested quotes": `${">".repeat(2000)} end`,
  "2,000 nested quotes with a lazy line": `${"> ".repeat(2000)} end\nlazy`,
  "400 nested lists": Array.from({ length: 400 }, (_, depth) => `${"  ".repeat(depth)}- end`).join("\n"),
  "quotes and lists in turn": `${"> - ".repeat(1000)}end`,
  "a line of 1 MB": `${"word ".repeat(200_000)}end`,
  "a word of 1 MB": `${"a".repeat(1_000_000)}end`,
  "10,000 unclosed links": `${"[a](".repeat(10_000)}end`,
  "20,000 brackets": `${"[".repeat(20_000)}end`,
  "20,000 emphases": `${"*a **b ".repeat(10_000)}end`,
  "40,000 underscores": `${"_a".repeat(20_000)}end`,
  "runs of backticks": `${Array.from({ length: 500 }, (_, length) => `${"`".repeat(length)}a`).join("")}end`,
  "20,000 dollars": `${"$a ".repeat(20_000)}end`,
  "20,000 unclosed formulas": `${"\\(a ".repeat(20_000)}end`,
  "20,000 tags": `${'<a b="'.repeat(20_000)}end`,
  "deep emphasis": `${"*a _b ".repeat(500)}${"_ *".repeat(500)}end`,
  "deep braces": `$${"{".repeat(5000)}x${"}".repeat(5000)}$ end`,
};

afterEach(cleanup);

describe.each(Object.entries(heavy))("%s", (_, text) => {
  beforeEach(() => void vi.restoreAllMocks());

  test("is shown", { timeout: SOON_MS * 4 }, () => {
    const { container } = render(<Markdown text={text} />);
    expect(container.textContent).toContain("end");
  });

  test("is taken in while it grows", { timeout: SOON_MS * 4 }, () => {
    const stream = new MarkdownStream(atOnce);
    const size = Math.ceil(text.length / 4);
    for (let at = 0; at < text.length; at += size) stream.push(text.slice(at, at + size));
    stream.finish();
    expect(stream.closed.value.map((block) => block.source).join("")).toContain("end");
  });
});

test("10,000 items are a list of 10,000 items", { timeout: SOON_MS * 4 }, () => {
  const [list, ...others] = blocksOf(Array.from({ length: 10_000 }, (_, n) => `- item ${n} with *text*`).join("\n"));
  expect(others).toEqual([]);
  expect(list?.tokens[0]).toMatchObject({ type: "list", items: { length: 10_000 } });
});

test("50 levels are nested, what is deeper is text", () => {
  const { container } = render(<Markdown text={`${">".repeat(60)} end`} />);
  expect(container.querySelectorAll("blockquote")).toHaveLength(50);
  expect(container.textContent).toBe(">".repeat(10) + " end");
});
