/* Follows an answer to its one end, over broken networks and restarts. It does not know what was asked. */
import { batch } from "@preact/signals";

import { ApiFailure } from "../api/failure";
import * as turns from "../api/turns";
import type { ResponseObject, StreamEvent } from "../api/types";
import type { Chat } from "./chat";
import { fetchGrowingText } from "./growing_text";
import { Live } from "./live";
import { noticeOutage, whenServerIsBack } from "./server";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8000;

export type Open = (signal: AbortSignal) => AsyncGenerator<StreamEvent>;

/** Follows an answer from its request on: the finished response. Throws what the request was refused with, or an
 * AbortError. Once the server has said the answer's id, a broken stream is gone on with and the request is never
 * repeated. */
export async function follow(live: Live, open: Open, isResumable: boolean): Promise<ResponseObject> {
  await fetchGrowingText();
  let events = open(live.abort.signal);
  for (let attempt = 0; ; attempt++) {
    const seen = live.lastSequence;
    try {
      const ended = await takeAll(live, events);
      if (ended) return ended;
      throw new ApiFailure("network", "The stream ended too early.");
    } catch (error) {
      const id = live.responseId.value;
      if (!id || !isResumable || !isPassing(error)) throw error;
      live.phase.value = "reconnecting";
      noticeOutage(error);
      if (live.lastSequence > seen) attempt = 0;
      await pause(Math.min(FIRST_PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS), live.abort.signal);
      events = turns.follow(id, live.lastSequence, live.abort.signal);
    }
  }
}

/** A new live answer of a chat, in place of what went wrong before. */
export function beginLive(chat: Chat): Live {
  const live = new Live();
  batch(() => {
    chat.live.value = live;
    chat.trouble.value = null;
  });
  return live;
}

async function takeAll(live: Live, events: AsyncGenerator<StreamEvent>): Promise<ResponseObject | null> {
  let failure: ApiFailure | null = null;
  for await (const event of events) {
    const ended = live.take(event);
    if (ended) return ended;
    // The end comes behind it, unless it was about the stream itself.
    if (event.type === "error") failure = new ApiFailure("fault", event.message ?? "", event.code ?? null);
  }
  if (failure) throw failure;
  return null;
}

/** Whether a failure may be over in a moment. */
const isPassing = (error: unknown): boolean =>
  error instanceof ApiFailure && (error.kind === "network" || error.kind === "later" || error.kind === "fault");

/** Waits, but not longer than until the network or the person is back. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = new AbortController();
    const finish = (action: () => void) => (): void => {
      clearTimeout(timer);
      stopListening();
      over.abort();
      action();
    };
    const timer = setTimeout(finish(resolve), milliseconds);
    const stopListening = whenServerIsBack(finish(resolve));
    addEventListener("online", finish(resolve), { signal: over.signal });
    document.addEventListener("visibilitychange", finish(resolve), { signal: over.signal });
    signal.addEventListener("abort", finish(() => reject(signal.reason)), { signal: over.signal });
    if (signal.aborted) finish(() => reject(signal.reason))();
  });
}
