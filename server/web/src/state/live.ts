/* An answer that is being made: the events of its stream become growing texts. It asks for nothing. */
import { batch, signal, type ReadonlySignal, type Signal } from "@preact/signals";

import type { Item, ResponseObject, StreamEvent, TokenLogprob } from "../api/types";
import type { MarkdownStream } from "../markdown/stream";
import { newGrowingText } from "./growing_text";

export type Phase = "sending" | "loading" | "queued" | "reading" | "thinking" | "writing" | "calling" | "reconnecting";

/** A thought, a text or a call that grows. */
export interface LivePart {
  readonly id: string;
  readonly kind: "reasoning" | "text" | "call";
  readonly name: string;
  readonly text: MarkdownStream;
  readonly tokens: TokenLogprob[];
  /** Counts the tokens that are shown: the array itself only grows. */
  readonly numTokens: Signal<number>;
  readonly startedAt: number;
  readonly isDone: Signal<boolean>;
  /** Milliseconds that it took, once it is done. */
  readonly duration: Signal<number>;
}

const TERMINAL = new Set(["response.completed", "response.incomplete", "response.failed", "response.cancelled"]);
const KINDS: Readonly<Record<string, LivePart["kind"]>> = {
  reasoning: "reasoning",
  message: "text",
  function_call: "call",
};

export class Live {
  readonly responseId = signal<string | null>(null);
  readonly phase = signal<Phase>("sending");
  readonly parts: ReadonlySignal<readonly LivePart[]>;
  readonly startedAt = performance.now();
  readonly isStopping = signal(false);
  /** Whether the server may have been asked already. */
  isAsked = false;
  /** Aborts the request that is open; the answer itself goes on at the server. */
  readonly abort = new AbortController();
  /** The stream's last event that was taken; -1 before the first. */
  lastSequence = -1;
  model = "";

  private readonly grown = signal<readonly LivePart[]>([]);

  constructor() {
    this.parts = this.grown;
  }

  /** Takes an event in; returns the response if this was its last one. Those that were seen already change nothing. */
  take(event: StreamEvent): ResponseObject | null {
    if (event.sequence_number <= this.lastSequence) return null;
    this.lastSequence = event.sequence_number;
    batch(() => this.apply(event));
    return TERMINAL.has(event.type) ? (event.response ?? null) : null;
  }

  /** What was written until now; thoughts are not in it. */
  get text(): string {
    return this.grown.value.filter(({ kind }) => kind === "text").map(({ text }) => text.text).join("\n\n");
  }

  /** The answer's id, once the server has said it. */
  name(): Promise<string> {
    return new Promise((resolve) => this.responseId.subscribe((id) => (id ? resolve(id) : undefined)));
  }

  private apply(event: StreamEvent): void {
    if (event.response) {
      this.responseId.value = event.response.id;
      this.model = event.response.model;
    }
    if (event.type === "response.queued") this.phase.value = "queued";
    else if (event.type === "response.created" || event.type === "response.in_progress") this.phase.value = this.going();
    else if (event.type === "response.output_item.added" && event.item) this.begin(event.item);
    else if (event.type === "response.output_item.done" && event.item) this.end(event.item.id);
    else if (event.delta !== undefined && GROWING.has(event.type)) this.grow(event, event.delta);
  }

  private going(): Phase {
    const last = this.grown.value.at(-1);
    return last ? phaseOf(last.kind) : "reading";
  }

  private begin(item: Item): void {
    const kind = KINDS[item.type];
    if (!kind) return;
    this.grown.value = [...this.grown.value, newPart(item, kind)];
    this.phase.value = phaseOf(kind);
  }

  private end(id: string): void {
    const part = this.grown.value.find((one) => one.id === id);
    if (!part) return;
    part.text.finish();
    part.duration.value = performance.now() - part.startedAt;
    part.isDone.value = true;
  }

  private grow(event: StreamEvent, delta: string): void {
    const part = this.grown.value.find(({ id }) => id === event.item_id) ?? this.grown.value.at(-1);
    if (!part) return;
    this.phase.value = phaseOf(part.kind);
    part.text.push(delta);
    if (!event.logprobs?.length) return;
    part.tokens.push(...event.logprobs);
    part.numTokens.value = part.tokens.length;
  }
}

const GROWING = new Set([
  "response.output_text.delta",
  "response.refusal.delta",
  "response.reasoning_text.delta",
  "response.function_call_arguments.delta",
]);

const phaseOf = (kind: LivePart["kind"]): Phase =>
  kind === "reasoning" ? "thinking" : kind === "call" ? "calling" : "writing";

function newPart(item: Item, kind: LivePart["kind"]): LivePart {
  return {
    id: item.id,
    kind,
    name: item.name ?? "",
    text: newGrowingText(),
    tokens: [],
    numTokens: signal(0),
    startedAt: performance.now(),
    isDone: signal(false),
    duration: signal(0),
  };
}
