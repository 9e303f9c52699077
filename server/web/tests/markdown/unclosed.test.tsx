/* What a growing text shows while its last line is not complete. */
import { act, cleanup, render } from "@testing-library/preact";
import { afterEach, describe, expect, test } from "vitest";
import { LiveMarkdown } from "../../src/markdown/blocks";
import { atOnce } from "./at_once";
import { MarkdownStream } from "../../src/markdown/stream";
import { documents } from "./documents";

afterEach(cleanup);

function live(text: string): { html: string; stream: MarkdownStream; text: () => string | null } {
  const stream = new MarkdownStream(atOnce);
  stream.push(text);
  const { container } = render(<LiveMarkdown stream={stream} />);
  return { html: container.firstElementChild?.innerHTML ?? "", stream, text: () => container.textContent };
}

function paragraph(inner: string): string {
  return `<p dir="auto">${inner}</p>`;
}

describe("is closed for display", () => {
  test.each([
    ["a **b", "a <strong>b</strong>"],
    ["a **b ", "a <strong>b</strong>"],
    ["a **b*", "a <strong>b</strong>"],
    ["a *b", "a <em>b</em>"],
    ["a _b c", "a <em>b c</em>"],
    ["a ~~b", "a <del>b</del>"],
    ["a ***b", "a <em><strong>b</strong></em>"],
    ["a **b *c", "a <strong>b <em>c</em></strong>"],
    ["a **b *c* d", "a <strong>b <em>c</em> d</strong>"],
    ["a `b", 'a <code class="md-codespan">b</code>'],
    ["a ``b ` c", 'a <code class="md-codespan">b ` c</code>'],
    ["**a `b", '<strong>a <code class="md-codespan">b</code></strong>'],
    ["a [b](htt", "a b"],
    ["a [b](http://c.example/d", "a b"],
    ["a ![b](htt", "a 🖼 b"],
  ])("%j", (text, inner) => expect(live(text).html).toBe(paragraph(inner)));

  test("in the last item of a list", () => {
    expect(live("- a\n- **b").html).toContain('<li><strong>b</strong></li>');
  });

  test("in a quote", () => expect(live("> **b").html).toContain("<strong>b</strong>"));
});

describe("is not shown until more is known", () => {
  test.each([
    ["a **", "a "],
    ["a `", "a "],
    ["a\n-", "a"],
    ["a\n- ", "a"],
    ["a\n=", "a"],
    ["a\n``", "a"],
    ["| a |\n|--", "| a |"],
  ])("the end of %j", (text, shown) => expect(live(text).text()).toBe(shown));
});

describe("stays as it is", () => {
  test.each(["2 * 3", "a_b_c d_e", "\\*b", "costs $5", "a ** b", "snake_case_name", "[1, 2", "f(a", "a~b"])("%j", (text) => {
    expect(live(text).text()).toBe(text.replace("\\", ""));
  });

  test("what is code", () => expect(live("```\na **b").text()).toContain("a **b"));
});

test("nothing that was closed for display stays in the text", () => {
  const { stream, text } = live("a **b");
  act(() => stream.finish());
  expect(stream.text).toBe("a **b");
  expect(text()).toBe("a **b");
});

test("what is shown of a growing text has all its words", () => {
  for (const [name, document] of Object.entries(documents)) {
    if (/definition|footnotes|links|emphasis/.test(name)) continue;
    for (let length = 1; length <= document.length; length += 7) {
      const words = document.slice(0, length).match(/[a-z]{4,}(?=[ .])/g) ?? [];
      const { text } = live(document.slice(0, length));
      for (const word of words) expect(text()).toContain(word);
      cleanup();
    }
  }
});
