/* A server that answers requests as a test says: what the page sends can be looked at. It knows no API. */
import { beforeEach, vi } from "vitest";

export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Record<string, unknown>;
  readonly headers: Record<string, string>;
}

type Answer = Response | Promise<Response>;

export class ScriptedServer {
  readonly sent: Sent[] = [];
  private readonly answers: { readonly method: string; readonly path: RegExp; readonly answer: (sent: Sent) => Answer }[] = [];

  /** Answers requests whose path matches; what is said last comes first. */
  on(method: string, path: RegExp, answer: (sent: Sent) => Answer): void {
    this.answers.unshift({ method, path, answer });
  }

  requests(method: string, path: RegExp): Sent[] {
    return this.sent.filter((one) => one.method === method && path.test(one.path));
  }

  readonly fetch = async (input: string, init: RequestInit): Promise<Response> => {
    const url = new URL(input, "http://parley.test");
    const sent: Sent = {
      method: init.method ?? "GET",
      path: url.pathname,
      query: url.searchParams,
      body: init.body ? (JSON.parse(String(init.body)) as Record<string, unknown>) : {},
      headers: init.headers as Record<string, string>,
    };
    this.sent.push(sent);
    const found = this.answers.find(({ method, path }) => method === sent.method && path.test(sent.path));
    return found ? found.answer(sent) : json({ error: { message: `Nobody answers ${sent.path}` } }, 404);
  };
}

/** A server for each test of a file. What a test has left running, the list that is fetched later, asks the old one. */
export function scriptedServer(): () => ScriptedServer {
  let server = new ScriptedServer();
  beforeEach(() => {
    server = new ScriptedServer();
    vi.stubGlobal("fetch", server.fetch);
  });
  return () => server;
}

export const json = (body: unknown, status = 200, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json", ...headers } });

/** A stream of events; it breaks off without an end if they have none. */
export function events(...said: readonly object[]): Response {
  const text = said.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");
  return new Response(text, { headers: { "Content-Type": "text/event-stream" } });
}

export const list = (...data: readonly unknown[]): Response => json({ object: "list", data, has_more: false });
