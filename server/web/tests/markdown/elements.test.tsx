/* Which elements a person finds for what a model wrote. */
import axe from "axe-core";
import { cleanup, render } from "@testing-library/preact";
import { afterEach, describe, expect, test } from "vitest";
import { Markdown } from "../../src/markdown/blocks";
import { documents } from "./documents";

afterEach(cleanup);

function html(text: string): string {
  return render(<Markdown text={text} />).container.firstElementChild?.innerHTML ?? "";
}

function shown(text: string): string {
  return render(<Markdown text={text} />).container.textContent ?? "";
}

describe("lines", () => {
  test.each([
    ["**b** *i* ~~d~~ `c`", '<p dir="auto"><strong>b</strong> <em>i</em> <del>d</del> <code class="md-codespan">c</code></p>'],
    ["a\nb", '<p dir="auto">a<br>b</p>'],
    ["a<br>b<BR/>c", '<p dir="auto">a<br>b<br>c</p>'],
    ["a <b>x</b>", '<p dir="auto">a &lt;b&gt;x&lt;/b&gt;</p>'],
    ["\\*a\\*", '<p dir="auto">*a*</p>'],
  ])("%j", (text, expected) => expect(html(text)).toBe(expected));

  test.each([
    ["&lt;b&gt; &amp;amp; &#65;&#x42; &copy; &hellip;", "<b> &amp; AB © …"],
    ["&nope; &copy &#0; &#xD800; &#1114112;", "&nope; &copy \ufffd \ufffd \ufffd"],
    ["`&lt;`", "&lt;"],
    ["[&lt;](http://a.example)", "<"],
    ["&constructor; &toString;", "&constructor; &toString;"],
  ])("character references of %j", (text, expected) => expect(shown(text)).toBe(expected));
});

describe("links and images", () => {
  test.each([
    ["<https://a.example/?a=1&lt=2>", "https://a.example/?a=1&lt=2"],
    ["see https://a.example/b. End", "https://a.example/b"],
    ["www.a.example", "http://www.a.example"],
    ["[m](mailto:a@b.example)", "mailto:a@b.example"],
    ["[h](#part)", "#part"],
  ])("%j goes to %j", (text, target) => {
    expect(render(<Markdown text={text} />).getByRole("link").getAttribute("href")).toBe(target);
  });

  test("an image is a link, never a request", () => {
    const { getByRole, container } = render(<Markdown text="![A **cat**](https://a.example/cat.png)" />);
    expect(getByRole("link").textContent).toBe("🖼 A **cat**");
    expect(container.querySelector("img")).toBeNull();
  });

  test("an image in the text itself is shown", () => {
    const { getByRole } = render(<Markdown text="![dot](data:image/png;base64,iVBORw0KGgo=)" />);
    expect(getByRole("img", { name: "dot" }).getAttribute("src")).toBe("data:image/png;base64,iVBORw0KGgo=");
  });

  test("an image within a link is part of its name", () => {
    const { getAllByRole } = render(<Markdown text="[![build](https://a.example/b.svg)](https://a.example)" />);
    expect(getAllByRole("link").map((link) => link.textContent)).toEqual(["🖼 build"]);
  });

  test("a refused link is its text", () => {
    expect(html("[x](/relative)")).toBe('<p dir="auto">x</p>');
  });
});

describe("blocks", () => {
  test("headings begin below those of the page", () => {
    const { getAllByRole } = render(<Markdown text={"# a\n## b\n### c\n#### d\n##### e\n###### f"} />);
    expect(getAllByRole("heading").map((heading) => heading.tagName)).toEqual(["H3", "H4", "H5", "H6", "H6", "H6"]);
  });

  test("lists", () => {
    expect(html("- a\n- b")).toBe('<ul class="md-list" dir="ltr"><li>a</li><li>b</li></ul>');
    expect(html("3. a\n4. b")).toContain('<ol class="md-list" dir="ltr" start="3">');
    expect(html("0. a")).toContain('start="0"');
  });

  test("tasks say whether they are done", () => {
    const { getAllByRole } = render(<Markdown text={"- [ ] a\n- [x] b\n\n- [x] c"} />);
    const boxes = getAllByRole("checkbox") as HTMLInputElement[];
    expect(boxes.map((box) => [box.checked, box.disabled, box.getAttribute("aria-label")])).toEqual([
      [false, true, "To do"],
      [true, true, "Done"],
      [true, true, "Done"],
    ]);
  });

  test("a table can be scrolled by keyboard, and aligned without a style", () => {
    const { getByRole, getAllByRole } = render(<Markdown text={documents["table"] ?? ""} />);
    expect(getByRole("group", { name: "Table" }).getAttribute("tabindex")).toBe("0");
    expect(getAllByRole("columnheader").map((cell) => cell.className)).toEqual(["", "md-center"]);
    expect(getAllByRole("cell").map((cell) => cell.textContent)).toEqual(["1", "2", "3", "4"]);
  });

  test("raw HTML is text", () => {
    expect(shown("<div>\n<b>x</b>\n</div>")).toBe("<div>\n<b>x</b>\n</div>");
  });

  test("line breaks between blocks are no text", () => {
    expect(html("a\n\n<br>\n<br/>\n\nb")).toBe('<p dir="auto">a</p><p dir="auto">b</p>');
  });

  test("a heading without text is none", () => expect(html("#\n\na")).toBe('<p dir="auto">a</p>'));

  test("footnotes are text", () => {
    expect(shown("A[^1].\n\n[^1]: http://a.example")).toBe("A[^1].[^1]: http://a.example");
  });

  test("a definition is not shown", () => {
    expect(html("[a]: http://a.example")).toBe("");
  });
});

test("every block of text finds its own direction", () => {
  const { container } = render(<Markdown text={Object.values(documents).join("\n\n")} />);
  const blocks = container.querySelectorAll("p, h3, h4, h5, h6");
  expect(blocks.length).toBeGreaterThan(100);
  for (const block of blocks) expect(block.getAttribute("dir")).toBe("auto");
});

test.each([
  ["- \u05d0\u05d1", "rtl"],
  ["1. 2024: \u0645\u0631\u062d\u0628\u0627 abc", "rtl"],
  ["> \u05d0", "rtl"],
  ["| \u05d0 | b |\n|-|-|\n| 1 | 2 |", "rtl"],
  ["- abc \u05d0", "ltr"],
  ["- 12", "ltr"],
])("what holds other blocks runs as its first letter does: %j", (text, direction) => {
  const { container } = render(<Markdown text={text} />);
  expect(container.querySelector(".md-list, .md-quote, .md-table")?.getAttribute("dir")).toBe(direction);
});

test("no element has a style or an event of its own", () => {
  const { container } = render(<Markdown text={Object.values(documents).join("\n\n")} />);
  const names = [...container.querySelectorAll("*")].flatMap((element) => element.getAttributeNames());
  expect(names.filter((name) => name === "style" || name.startsWith("on"))).toEqual([]);
});

test("axe finds nothing to complain of", async () => {
  const { container } = render(<Markdown text={Object.values(documents).join("\n\n")} />);
  const rules = { "color-contrast": { enabled: false }, "heading-order": { enabled: false } };
  const { violations } = await axe.run(container, { rules, elementRef: false });
  expect(violations.map(({ id, nodes }) => [id, nodes[0]?.html])).toEqual([]);
});
