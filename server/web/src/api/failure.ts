/* What can go wrong with a request, as the page tells it apart. It knows no words for people but the API's own. */

/** network: nobody answered. later: ask again. key: none or a wrong one. gone: 404. locked: being answered elsewhere. */
export type FailureKind = "network" | "later" | "key" | "gone" | "locked" | "refused" | "fault";

export class ApiFailure extends Error {
  constructor(
    readonly kind: FailureKind,
    message: string,
    readonly code: string | null = null,
    readonly requestId: string | null = null,
    /** Seconds that the server asks to wait. */
    readonly retryAfter: number | null = null,
    /** The response that has the conversation now. */
    readonly responseId: string | null = null,
  ) {
    super(message);
  }
}

interface ErrorBody {
  readonly error?: { readonly message?: string; readonly code?: string | null; readonly response_id?: string };
}

/** The failure that an answer of the server means; its body has not been read yet. */
export async function failureOf(answer: Response): Promise<ApiFailure> {
  const body = (await answer.json().catch(() => ({}))) as ErrorBody;
  const code = body.error?.code ?? null;
  return new ApiFailure(
    kindOf(answer.status, code),
    body.error?.message ?? `The server answered with status ${answer.status}.`,
    code,
    answer.headers.get("x-request-id"),
    secondsToWait(answer),
    body.error?.response_id ?? null,
  );
}

/** What a failed fetch means, whatever the browser calls it; an abort stays one. */
export function networkFailure(error: unknown): unknown {
  if (error instanceof DOMException && error.name === "AbortError") return error;
  if (error instanceof ApiFailure) return error;
  return new ApiFailure("network", "The server cannot be reached.");
}

function kindOf(status: number, code: string | null): FailureKind {
  if (status === 401) return "key";
  if (status === 404) return "gone";
  if (status === 429 || status === 503) return "later";
  if (code === "conversation_locked") return "locked";
  return status >= 500 ? "fault" : "refused";
}

function secondsToWait(answer: Response): number | null {
  const seconds = Number(answer.headers.get("retry-after") ?? "");
  return Number.isFinite(seconds) && seconds > 0 ? seconds : null;
}
