/* Requests to the server that the page came from, and streams of events. It knows no endpoints, and repeats nothing but
 * what was refused for a key that has been replaced meanwhile. */
import { EventSourceParserStream } from "eventsource-parser/stream";

import { failureOf, networkFailure } from "./failure";
import type { StreamEvent } from "./types";

export interface Options {
  readonly body?: unknown;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly signal?: AbortSignal;
  /** Finish even if the page is closed. */
  readonly keepalive?: boolean;
  /** Makes the request the same as an earlier one with this key: it is not done twice. */
  readonly idempotencyKey?: string;
  /** The stream is broken off when nothing has been heard for long: a phone that changes its network hears nothing. */
  readonly mayBreakOff?: boolean;
}

/** A stream sends a comment at least every ten seconds, unless the server is set otherwise. */
const LONGEST_SILENCE_MS = 60_000;

let apiKey = "";

/** The key that all requests carry from now on; empty for none. */
export function useKey(key: string): void {
  apiKey = key;
}

export async function request<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const answer = await send(method, path, options);
  if (!answer.ok) throw await failureOf(answer);
  return (await answer.json().catch((error: unknown) => Promise.reject(networkFailure(error)))) as T;
}

/** The JSON of an answer whatever its status, for endpoints whose failures have their usual body. */
export async function look<T>(path: string, signal?: AbortSignal): Promise<T> {
  const answer = await send("GET", path, signal ? { signal } : {});
  return (await answer.json().catch((error: unknown) => Promise.reject(networkFailure(error)))) as T;
}

/** The events of a stream, until it ends or breaks; a break is a failure of the network. */
export async function* stream(method: string, path: string, options: Options): AsyncGenerator<StreamEvent> {
  const answer = await send(method, path, options);
  if (!answer.ok || !answer.body) throw await failureOf(answer);
  const ear = new Ear();
  const events = new EventSourceParserStream({ onComment: () => ear.hear() });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).pipeThrough(events).getReader();
  if (options.mayBreakOff) ear.whenSilent(() => void reader.cancel());
  try {
    for (;;) {
      const { done, value } = await reader.read();
      ear.hear();
      if (done || value.data === "[DONE]") return;
      yield JSON.parse(value.data) as StreamEvent;
    }
  } catch (error) {
    throw networkFailure(error);
  } finally {
    ear.rest();
    void drain(reader);
  }
}

/** Notices when a stream has said nothing for long. */
class Ear {
  private heardAt = performance.now();
  private timer: ReturnType<typeof setInterval> | undefined;

  hear(): void {
    this.heardAt = performance.now();
  }

  whenSilent(callback: () => void): void {
    this.timer = setInterval(() => {
      if (performance.now() - this.heardAt > LONGEST_SILENCE_MS) callback();
    }, LONGEST_SILENCE_MS / 4);
  }

  rest(): void {
    clearInterval(this.timer);
  }
}

/** Reads what is left: behind the last event that is wanted a stream ends by itself, and need not be broken off. */
async function drain(reader: ReadableStreamDefaultReader<unknown>): Promise<void> {
  try {
    while (!(await reader.read()).done);
  } catch {
    // It broke off, or was: all the same now.
  }
}

async function send(method: string, path: string, options: Options): Promise<Response> {
  const init: RequestInit = { method, headers: headersFor(options), cache: "no-store" };
  if (options.body !== undefined) init.body = JSON.stringify(options.body);
  if (options.signal) init.signal = options.signal;
  if (options.keepalive) init.keepalive = true;
  const key = apiKey;
  const answer = await fetch(path + queryOf(options), init).catch((error: unknown) => Promise.reject(networkFailure(error)));
  return answer.status === 401 && key !== apiKey ? send(method, path, options) : answer;
}

function headersFor(options: Options): Record<string, string> {
  const headers: Record<string, string> = {};
  if (apiKey) headers["Authorization"] = `Bearer ${apiKey}`;
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  if (options.idempotencyKey) headers["Idempotency-Key"] = options.idempotencyKey;
  return headers;
}

function queryOf(options: Options): string {
  const pairs = Object.entries(options.query ?? {}).filter(([, value]) => value !== undefined);
  return pairs.length ? `?${new URLSearchParams(pairs.map(([key, value]) => [key, String(value)]))}` : "";
}
