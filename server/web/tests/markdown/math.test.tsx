/* Formulas and money, and formulas as MathML. */
import { cleanup, render, waitFor } from "@testing-library/preact";
import { afterEach, describe, expect, test } from "vitest";
import { LiveMarkdown, Markdown } from "../../src/markdown/blocks";
import { inlineFormula, type Formula } from "../../src/markdown/delimiters";
import { atOnce } from "./at_once";
import { blocksOf } from "../../src/markdown/lex";
import { MarkdownStream } from "../../src/markdown/stream";
import { mathElements } from "../../src/markdown/tex";

afterEach(cleanup);

function formulasOf(text: string): string[] {
  const tokens = blocksOf(text).flatMap((block) => block.tokens);
  const inner = tokens.flatMap((token) => ("tokens" in token ? (token.tokens ?? []) : []));
  return [...tokens, ...inner].filter((token) => token.type === "formula").map((token) => (token as Formula).text);
}

describe("is money", () => {
  test.each([
    "It costs $5 and $6.",
    "From $5 to $6, or $7.",
    "$5-$6",
    "$1,000/$2,000",
    "$20 is more than US$ 10",
    "$ 5 and $ 6",
    "a $5 or 6$ b",
    "$5",
    "$HOME and $PATH",
    "\\$a\\$",
    "`$a$`",
    "$$$ expensive $$$",
    "a\n\n$b\n\nc$",
    "a\n$$\nb\n- c",
    "a\n$$\nb\n\nc",
    "\\[\n**a**",
    "$$",
  ])("%j", (text) => expect(formulasOf(text)).toEqual([]));
});

describe("is a formula", () => {
  test.each([
    ["Let $x$ be", ["x"]],
    ["the $n$th and $k$-means", ["n", "k"]],
    ["$2^n$ and $5$", ["2^n", "5"]],
    ["$a$, $b$", ["a", "b"]],
    ["$a\\$b$", ["a\\$b"]],
    ["$a*b*c_d_e$", ["a*b*c_d_e"]],
    ["\\(a\\) and \\[b\\]", ["a", "b"]],
    ["in line $$a$$ too", ["a"]],
    ["$$\na\n- b\n= c\n$$", ["a\n- b\n= c"]],
    ["text\n\\[\na\n\\]\ntext", ["a"]],
    ["text\n$$a$$\ntext", ["a"]],
    ["costs $5, so $x = 5$", ["x = 5"]],
  ])("%j", (text, expected) => expect(formulasOf(text)).toEqual(expected));

  test("of its own lines, or of a line", () => {
    expect(inlineFormula("$$a$$ b")).toMatchObject({ raw: "$$a$$", isBlock: true });
    expect(inlineFormula("$a$ b")).toMatchObject({ raw: "$a$", isBlock: false });
  });
});

describe("as MathML", () => {
  test("comes when temml is there, and TeX stands until then", async () => {
    const { container } = render(<Markdown text={"So $\\frac{a}{b}$.\n\n$$\\sum_{i=1}^n i$$"} />);
    expect(container.querySelector(".md-tex")?.textContent).toBe("$\\frac{a}{b}$");
    await waitFor(() => expect(container.querySelectorAll("math")).toHaveLength(2));
    expect(container.querySelector("mfrac")?.namespaceURI).toBe("http://www.w3.org/1998/Math/MathML");
    expect(container.querySelectorAll("math")[1]?.getAttribute("display")).toBe("block");
    expect(container.querySelector(".md-tex")).toBeNull();
  });

  test("does not come for an open formula, but for all that are closed", async () => {
    const stream = new MarkdownStream(atOnce);
    stream.push("$x$\n\n$$\n\\frac{a");
    const { container } = render(<LiveMarkdown stream={stream} />);
    await waitFor(() => expect(container.querySelectorAll("math")).toHaveLength(1));
    expect(container.querySelector(".md-math .md-tex")?.textContent).toBe("$$\n\\frac{a");
  });

  test.each(["\\frac{a", "\\nosuchcommand", "a_b_c", `${"{".repeat(200)}x${"}".repeat(200)}`, "\\def\\a{\\a\\a}\\a"])(
    "does not come for %.30j: it stays TeX",
    (tex) => expect(mathElements(tex, false)).toBeUndefined(),
  );

  test.each([
    ["\\begin{pmatrix}a & b\\\\c & d\\end{pmatrix}", "mtable mtr:nth-child(2) mtd"],
    ["\\begin{aligned}a &= b\\\\&= c\\end{aligned}", "mtable"],
    ["\\ce{H2O}", "mtext, mi"],
    ["\\mathbb{R}", "mi"],
  ])("%j has %s", (tex, selector) => {
    expect(render(<div>{mathElements(tex, true)}</div>).container.querySelector(selector)).not.toBeNull();
  });

  test("a number of digits is bounded", () => {
    const { container } = render(<div>{mathElements("\\rule{10000em}{10000em}", true)}</div>);
    expect(container.innerHTML).not.toContain("10000");
  });
});
