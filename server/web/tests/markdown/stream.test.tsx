/* What a token costs, and when a growing text is taken in. */
import { options, type VNode } from "preact";
import { act, cleanup, render } from "@testing-library/preact";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { BlockView, LiveMarkdown, Markdown } from "../../src/markdown/blocks";
import { onFrame } from "../../src/markdown/frames";
import { atOnce } from "./at_once";
import { MarkdownStream } from "../../src/markdown/stream";

const PARAGRAPH = "Some **bold** text with `code`, of about a hundred characters, as an answer has many of them.\n\n";

let renders: VNode[] = [];
type Hooks = typeof options & { __r?: (vnode: VNode) => void };
const hooks: Hooks = options;
const before = hooks.__r;

/* Preact's own hook before a component renders. */
beforeEach(() => {
  renders = [];
  hooks.__r = (vnode) => {
    if (Object.is(vnode.type, BlockView)) renders.push(vnode);
    before?.(vnode);
  };
});

afterEach(() => {
  if (before) hooks.__r = before;
  cleanup();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("rendering", () => {
  test("a token renders the open block alone", () => {
    const stream = new MarkdownStream(atOnce);
    stream.push(PARAGRAPH.repeat(50));
    stream.push("The last");
    render(<LiveMarkdown stream={stream} />);
    expect(renders).toHaveLength(51);
    act(() => stream.push(" one"));
    act(() => stream.push(" grows"));
    expect(renders).toHaveLength(53);
  });

  test("a block that is closed is rendered once more, in the elements that it had", () => {
    const stream = new MarkdownStream(atOnce);
    stream.push("First");
    const { container } = render(<LiveMarkdown stream={stream} />);
    const element = container.querySelector("p");
    act(() => stream.push(" one\n\nSecond\n"));
    expect(container.querySelector("p")).toBe(element);
    expect(element?.textContent).toBe("First one");
    expect(renders).toHaveLength(3);
  });

  test("a stored message is rendered once", () => {
    const { rerender } = render(<Markdown text={PARAGRAPH.repeat(3)} />);
    rerender(<Markdown text={PARAGRAPH.repeat(3)} />);
    expect(renders).toHaveLength(3);
  });

  test("a late definition renders the block that mentions it alone", () => {
    const stream = new MarkdownStream(atOnce);
    stream.push(`${PARAGRAPH.repeat(5)}See [it].\n\n${PARAGRAPH.repeat(5)}`);
    const { container, getByRole } = render(<LiveMarkdown stream={stream} />);
    act(() => stream.push("[it]: http://a.example\n"));
    renders = [];
    act(() => stream.push("\nx\n"));
    expect(getByRole("link").textContent).toBe("it");
    expect(renders.map((vnode) => (vnode.props as BlockView["props"]).block.key)).toEqual([5, 11, 12]);
    expect(container.querySelectorAll("p")).toHaveLength(12);
  });
});

/* Characters lexed for 200 tokens at the end of so many paragraphs. */
function lexedAfter(paragraphs: number): number {
  const stream = new MarkdownStream(atOnce);
  stream.push(PARAGRAPH.repeat(paragraphs));
  const start = stream.lexedCharacters;
  for (let token = 0; token < 200; token += 1) stream.push(token % 20 === 19 ? "end.\n\n" : "word ");
  return stream.lexedCharacters - start;
}

describe("cost", () => {
  test("a token costs the same at the end of a long message", () => {
    expect(lexedAfter(1000)).toBe(lexedAfter(10));
    expect(lexedAfter(1000)).toBeLessThan(200 * 400);
  });

  test("what marked gives up on is not tried again with every token", () => {
    vi.restoreAllMocks();
    const stream = new MarkdownStream(atOnce);
    stream.push("_a".repeat(20_000));
    const start = stream.lexedCharacters;
    for (let token = 0; token < 50; token += 1) stream.push("_a");
    expect(stream.lexedCharacters).toBe(start);
  });
});

describe("time", () => {
  test("many tokens of one frame are taken in once", () => {
    const runs: (() => void)[] = [];
    const stream = new MarkdownStream((run) => (runs.push(run), () => undefined));
    stream.push("a");
    stream.push("b");
    expect(runs).toHaveLength(1);
    expect(stream.text).toBe("ab");
    expect(stream.tail.value).toBeNull();
    runs[0]?.();
    expect(stream.tail.value?.source).toBe("ab");
  });

  test("a large open block is taken in four times a second", () => {
    vi.useFakeTimers();
    const stream = new MarkdownStream(onFrame);
    stream.push("word ".repeat(5000));
    vi.advanceTimersByTime(20);
    stream.push("more");
    vi.advanceTimersByTime(240);
    expect(stream.tail.value?.source.endsWith("more")).toBe(false);
    vi.advanceTimersByTime(20);
    expect(stream.tail.value?.source.endsWith("more")).toBe(true);
  });

  test("one in between is taken in less often the larger it is", () => {
    const delays: number[] = [];
    const stream = new MarkdownStream((run, delay) => (delays.push(delay), atOnce(run, 0)));
    for (let round = 0; round < 7; round += 1) stream.push("word ".repeat(1000));
    expect(delays).toEqual([0, 62.5, 125, 187.5, 250, 250, 250]);
  });

  test("a hidden page is served without frames", () => {
    vi.useFakeTimers();
    vi.spyOn(document, "hidden", "get").mockReturnValue(true);
    const stream = new MarkdownStream();
    stream.push("a");
    vi.advanceTimersByTime(240);
    expect(stream.tail.value).toBeNull();
    vi.advanceTimersByTime(20);
    expect(stream.tail.value?.source).toBe("a");
  });

  test("a small one is taken in with the next frame", () => {
    vi.useFakeTimers();
    const stream = new MarkdownStream();
    stream.push("a");
    vi.advanceTimersByTime(20);
    expect(stream.tail.value?.source).toBe("a");
  });

  test("the end waits for nothing", () => {
    const stream = new MarkdownStream(() => () => undefined);
    stream.push("a\r");
    stream.finish();
    expect(stream.closed.value.map((block) => block.source)).toEqual(["a\n"]);
    stream.push("late");
    stream.finish();
    expect(stream.text).toBe("a\r");
  });
});
