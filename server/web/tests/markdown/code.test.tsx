/* Blocks of code: their colours come later, their copy is the text itself. */
import { act, cleanup, fireEvent, render, waitFor } from "@testing-library/preact";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { LiveMarkdown, Markdown } from "../../src/markdown/blocks";
import { isFenceClosed } from "../../src/markdown/code";
import { atOnce } from "./at_once";
import { highlighted } from "../../src/markdown/highlight";
import { MarkdownStream } from "../../src/markdown/stream";

const PYTHON = '```python\ndef f(x):\n    return "<b>" + x\n```';

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

describe("colours", () => {
  test("come when the fence is closed, and change no character", async () => {
    const { container } = render(<Markdown text={PYTHON} />);
    const before = container.querySelector("pre")?.textContent;
    await waitFor(() => expect(container.querySelector(".hljs-keyword")?.textContent).toBe("def"));
    expect(container.querySelector("pre")?.textContent).toBe(before);
    expect(before).toBe('def f(x):\n    return "<b>" + x');
  });

  test("do not come while it is open", async () => {
    const stream = new MarkdownStream(atOnce);
    const { container } = render(<LiveMarkdown stream={stream} />);
    await act(() => stream.push("```js\nlet a = 1;\n"));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(container.querySelector("pre span")).toBeNull();
    await act(() => stream.push("```\n"));
    await waitFor(() => expect(container.querySelector(".hljs-keyword")?.textContent).toBe("let"));
  });

  test.each(["```\nlet a;\n```", "```nolanguage\nlet a;\n```", "    let a;", `\`\`\`js\n${"let a;\n".repeat(8000)}\`\`\``])(
    "do not come for %.20j",
    async (text) => {
      const { container } = render(<Markdown text={text} />);
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(container.querySelector("pre")?.textContent).toContain("let a;");
      expect(container.querySelector("pre span")).toBeNull();
    },
  );

  test.each(["py", "js", "ts", "tsx", "sh", "html", "yml", "c++", "cs", "rs", "toml", "Dockerfile", "JSON", "kt", "md", "sql"])(
    "are known for %s",
    (name) => expect(highlighted("x", name)).toBeDefined(),
  );
});

describe("the copy button", () => {
  const written = vi.fn((_: string) => Promise.resolve());

  beforeEach(() => {
    written.mockClear();
    vi.stubGlobal("navigator", { clipboard: { writeText: written } });
  });

  test("copies the text, and says so", async () => {
    const { getByRole } = render(<Markdown text={PYTHON} />);
    fireEvent.click(getByRole("button", { name: "Copy code, python" }));
    await waitFor(() => expect(getByRole("button", { name: "Copied" }).textContent).toBe("Copied"));
    expect(written).toHaveBeenCalledWith('def f(x):\n    return "<b>" + x');
  });

  test("copies where there is no clipboard", async () => {
    vi.stubGlobal("navigator", {});
    let selected = "";
    document.execCommand = () => {
      selected = document.querySelector("textarea")?.value ?? "";
      return true;
    };
    const { getByRole } = render(<Markdown text={"```\nx\n```"} />);
    fireEvent.click(getByRole("button", { name: "Copy code, text" }));
    await waitFor(() => expect(getByRole("button", { name: "Copied" })).toBeTruthy());
    expect(selected).toBe("x");
    expect(document.querySelector("textarea")).toBeNull();
  });
});

test("it can be scrolled by keyboard, and has a name", () => {
  const { getByRole } = render(<Markdown text={PYTHON} />);
  expect(getByRole("group", { name: "Code, python" }).getAttribute("tabindex")).toBe("0");
});

test.each([
  ["```js title=x\na\n```", "js"],
  ["```{.python}\na\n```", "text"],
  ["``` c++\na\n```", "c++"],
  ["```\na\n```", "text"],
])("the language of %j is %s", (text, language) => {
  expect(render(<Markdown text={text} />).container.querySelector(".md-code-language")?.textContent).toBe(language);
});

test.each([
  ["```\na\n```", true],
  ["```\na\n```\n\n", true],
  ["````\n```\n", false],
  ["````\n````", true],
  ["~~~\n```\n", false],
  ["```\na", false],
  ["```", false],
  ["    a", false],
])("the fence of %j is closed: %s", (raw, isClosed) => expect(isFenceClosed(raw)).toBe(isClosed));
