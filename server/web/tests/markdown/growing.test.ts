/* However a text arrives, it ends as the same blocks as the text in one piece. */
import { describe, expect, test } from "vitest";
import { atOnce } from "./at_once";
import { blocksOf } from "../../src/markdown/lex";
import { MarkdownStream } from "../../src/markdown/stream";
import { documents } from "./documents";
import { Seeded } from "./seeded";

const CUTS_PER_DOCUMENT = 12;
const MIXES = 150;

function grown(pieces: readonly string[]): MarkdownStream {
  const stream = new MarkdownStream(atOnce);
  for (const piece of pieces) stream.push(piece);
  stream.finish();
  return stream;
}

function expectSame(text: string, pieces: readonly string[]): void {
  const stream = grown(pieces);
  expect(stream.closed.value).toEqual(blocksOf(text));
  expect(stream.tail.value).toBeNull();
  expect(stream.text).toBe(text);
}

describe.each(Object.entries(documents))("%s", (_, text) => {
  test("character by character", () => expectSame(text, [...text]));

  test("line by line", () => expectSame(text, text.split(/(?<=\n)/)));

  test("cut at random", () => {
    const random = new Seeded(text.length + 1);
    for (let round = 0; round < CUTS_PER_DOCUMENT; round += 1) {
      expectSame(text, random.pieces(text, 2 + 3 * round));
    }
  });
});

test("paragraphs of all documents mixed at random", () => {
  const random = new Seeded(7);
  const parts = Object.values(documents).flatMap((text) => text.split(/(?<=\n\n)/));
  for (let round = 0; round < MIXES; round += 1) {
    const text = Array.from({ length: 6 }, () => random.pick(parts)).join("");
    expectSame(text, random.pieces(text, 9));
  }
});

test("lines of all documents mixed at random", () => {
  const random = new Seeded(11);
  const lines = Object.values(documents).flatMap((text) => text.split(/(?<=\n)/));
  for (let round = 0; round < MIXES; round += 1) {
    const text = Array.from({ length: 12 }, () => random.pick(lines)).join("");
    expectSame(text, random.pieces(text, 9));
  }
});
