/* Texts that grow, from a part of the page that is fetched while the rest is shown already. */
import { ApiFailure } from "../api/failure";
import type { MarkdownStream } from "../markdown/stream";
import { words } from "../words";

let Stream: typeof MarkdownStream | undefined;

/** Fetches what growing texts are made of; they can be made when it is there. */
export async function fetchGrowingText(): Promise<void> {
  try {
    Stream ??= (await import("../markdown/stream")).MarkdownStream;
  } catch {
    throw new ApiFailure("network", words.failure.partOfPage);
  }
}

export function newGrowingText(): MarkdownStream {
  if (!Stream) throw new Error("growing texts were not fetched");
  return new Stream();
}
