/* The objects of Parley's API, as far as the page reads them. It knows no requests. */

export interface List<T> {
  readonly data: readonly T[];
  readonly has_more: boolean;
  readonly last_id?: string | null;
}

export interface Usage {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly total_tokens: number;
  readonly input_tokens_details?: { readonly cached_tokens: number };
  readonly output_tokens_details?: { readonly reasoning_tokens: number };
}

/** Milliseconds and tokens of an answer, in llama-server's words. */
export interface Timings {
  readonly cache_n: number;
  readonly prompt_n: number;
  readonly prompt_ms: number;
  readonly predicted_n: number;
  readonly predicted_ms: number;
  readonly predicted_per_second: number;
  readonly first_token_ms?: number | null;
  readonly queue_ms?: number | null;
}

export type Status = "queued" | "in_progress" | "completed" | "incomplete" | "failed" | "cancelled";

export interface ErrorDetails {
  readonly code: string | null;
  readonly message: string;
}

/** What is kept of a response: how it went, without what it said. */
export interface ResponseSummary {
  readonly id: string;
  readonly status: Status;
  readonly model: string;
  readonly created_at: number;
  readonly completed_at: number | null;
  readonly usage: Usage | null;
  readonly timings?: Timings | null;
  readonly incomplete_details: { readonly reason: string | null } | null;
  readonly error: ErrorDetails | null;
}

export interface ResponseObject extends ResponseSummary {
  readonly output: readonly Item[];
}

export interface Alternative {
  readonly token: string;
  readonly logprob: number;
}

export interface TokenLogprob extends Alternative {
  readonly top_logprobs: readonly Alternative[];
}

export interface ContentPart {
  readonly type: string;
  readonly text?: string;
  readonly refusal?: string;
  readonly logprobs?: readonly TokenLogprob[];
}

/** Where an item comes from; asked for with `include[]=parley.origin`. */
export interface Origin {
  readonly created_at: number;
  readonly response: ResponseSummary | null;
}

/** A thing that was said, thought, called or answered. */
export interface Item {
  readonly id: string;
  readonly type: string;
  readonly status?: string;
  readonly role?: string;
  readonly content?: readonly ContentPart[] | string | null;
  readonly summary?: readonly ContentPart[];
  readonly name?: string;
  readonly call_id?: string;
  readonly arguments?: string;
  readonly output?: string | readonly ContentPart[];
  readonly parley?: Origin;
  /** The page's own: the id that it had before the server had given it one. */
  readonly localId?: string;
}

export interface ForkPoint {
  readonly conversation_id: string;
  readonly item_id: string | null;
  readonly position: number;
}

export interface Family {
  readonly num_conversations: number;
  readonly newest_conversation_id: string;
  readonly updated_at: number;
  readonly active_response_ids?: readonly string[];
}

/** What a chat asks for when a question does not; null is as the server has it. */
export interface ChatDefaults {
  readonly model?: string | null;
  readonly temperature?: number | null;
  readonly top_p?: number | null;
  readonly max_output_tokens?: number | null;
  readonly seed?: number | null;
  readonly reasoning?: { readonly effort: string | null } | null;
}

export interface Conversation {
  readonly id: string;
  readonly created_at: number;
  readonly updated_at: number;
  readonly title: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly active_response_id?: string | null;
  readonly forked_from?: ForkPoint | null;
  readonly root_id?: string;
  readonly family?: Family;
  readonly instructions?: string | null;
  readonly defaults?: ChatDefaults | null;
  readonly pinned?: boolean;
  readonly archived?: boolean;
  readonly parley?: { readonly last_response: ResponseSummary | null };
}

export interface Model {
  readonly id: string;
  readonly created: number;
  readonly aliases?: readonly string[];
  readonly state?: string;
  readonly progress?: number | null;
  readonly message?: string | null;
  readonly device?: string | null;
  readonly capabilities?: {
    readonly generates: boolean | null;
    readonly embeds: boolean | null;
    readonly tools: boolean | null;
    readonly reasoning: boolean | null;
  };
  readonly meta?: { readonly n_ctx: number; readonly description: string | null; readonly size: number | null };
}

export interface ModelReadiness {
  readonly state: string;
  readonly progress: number | null;
  readonly message: string;
  readonly retry_at: number | null;
}

export interface Readiness {
  readonly status: "ready" | "not ready" | "starting" | "stopping";
  readonly models: Readonly<Record<string, ModelReadiness>>;
}

export interface ServerStatus {
  readonly version: string;
  readonly auth: "off" | "header" | "keys";
  readonly user: { readonly id: string; readonly name: string } | null;
  readonly titles?: boolean;
}

export interface SavedPrompt {
  readonly id: string;
  readonly name: string;
  readonly text: string;
  readonly variables: readonly string[];
  readonly version: string;
}

export interface SnippetPart {
  readonly text: string;
  readonly is_match: boolean;
}

export interface Match {
  readonly conversation: Conversation;
  readonly item_id: string | null;
  readonly snippet: readonly SnippetPart[];
}

/** An event of a response's stream, by `type`. */
export interface StreamEvent {
  readonly type: string;
  readonly sequence_number: number;
  readonly delta?: string;
  readonly item?: Item;
  readonly item_id?: string;
  readonly response?: ResponseObject;
  readonly logprobs?: readonly TokenLogprob[];
  readonly message?: string;
  readonly code?: string | null;
}
