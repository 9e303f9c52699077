/* Answers: asking for one, following it, ending it (`/v1/responses`). It keeps nothing. */
import { request, stream } from "./client";
import type { Item, ResponseObject, StreamEvent } from "./types";

/** What is sent with a question, beyond what the conversation says itself. */
export interface Question {
  readonly model: string;
  readonly input: readonly unknown[];
  readonly conversation?: string;
  readonly instructions?: string | null;
  readonly temperature?: number | null;
  readonly top_p?: number | null;
  readonly max_output_tokens?: number | null;
  readonly reasoning?: { readonly effort: string | null } | null;
  readonly top_logprobs?: number;
  readonly include?: readonly string[];
  readonly answer_prefix?: string;
}

/** An answer that goes on when this page is gone. Asked with one key twice, it is still one. */
export const ask = (question: Question, idempotencyKey: string, signal: AbortSignal): AsyncGenerator<StreamEvent> =>
  stream("POST", "/v1/responses", { body: { ...question, stream: true, background: true }, idempotencyKey, signal, mayBreakOff: true });

/** An answer that nobody keeps. */
export const askUnstored = (question: Question, signal: AbortSignal): AsyncGenerator<StreamEvent> =>
  stream("POST", "/v1/responses", { body: { ...question, stream: true, store: false }, signal });

/** The events of an answer behind one that was seen; -1 is from the beginning. */
export const follow = (id: string, after: number, signal: AbortSignal): AsyncGenerator<StreamEvent> =>
  stream("GET", `/v1/responses/${encodeURIComponent(id)}`, {
    query: { stream: true, starting_after: after >= 0 ? after : undefined },
    signal,
    mayBreakOff: true,
  });

export const cancelAnswer = (id: string): Promise<ResponseObject> =>
  request("POST", `/v1/responses/${encodeURIComponent(id)}/cancel`);

/** How many tokens the model would read. */
export const countInput = async (question: Question): Promise<number> => {
  const counted = await request<{ input_tokens: number }>("POST", "/v1/responses/input_tokens", { body: question });
  return counted.input_tokens;
};

/** The conversation so far, shorter. */
export const compact = (model: string, input: readonly unknown[]): Promise<{ readonly output: readonly Item[] }> =>
  request("POST", "/v1/responses/compact", { body: { model, input } });
