import { beforeEach, describe, expect, it, vi } from "vitest";

import * as answering from "../../src/state/answering";
import * as branching from "../../src/state/branching";
import { makeChat, textOf, type Chat } from "../../src/state/chat";
import { areModelsKnown, isOffline, modelList } from "../../src/state/server";
import { events, json, list, scriptedServer } from "../scripted_server";
import * as things from "../things";

const server = scriptedServer();
let chat: Chat;

beforeEach(() => {
  areModelsKnown.value = true;
  isOffline.value = false;
  modelList.value = [{ id: "m", created: 1, state: "ready" }];
  chat = makeChat(null);
  server().on("POST", /^\/v1\/conversations$/, () => json(things.conversation("conv_1")));
  server().on("GET", /^\/v1\/conversations/, () => list());
  server().on("GET", /items$/, () => list(things.answer("msg_1", "Yes."), things.question("q1", "Is it?")));
});

const said = (): string[] => chat.items.value.map(textOf);

describe("a question", () => {
  it("makes a conversation, is asked in it in the background, and is answered", async () => {
    server().on("POST", /responses$/, () => events(...things.answering("Yes.")));
    expect(await answering.send(chat, "Is it?")).toBeNull();
    expect(said()).toEqual(["Is it?", "Yes."]);
    expect(chat.live.value).toBeNull();
    const [asked] = server().requests("POST", /responses$/);
    expect(asked?.body).toMatchObject({ conversation: "conv_1", model: "m", stream: true, background: true });
    expect(location.pathname).toBe("/c/conv_1");
  });

  it("that is refused is given back, and sent again it is the same to the server", async () => {
    const refusal = () => json({ error: { message: "Too many.", code: "rate_limit" } }, 429, { "Retry-After": "3" });
    server().on("POST", /responses$/, refusal);
    expect(await answering.send(chat, "Is it?")).toBe(chat);
    expect(said()).toEqual([]);
    expect(chat.trouble.value).toMatchObject({ kind: "refused", failure: { kind: "later", retryAfter: 3 } });
    server().on("POST", /responses$/, () => events(...things.answering("Yes.")));
    expect(await answering.send(chat, "Is it?")).toBeNull();
    expect(chat.trouble.value).toBeNull();
    await answering.send(chat, "Is it?");
    const keys = server().requests("POST", /responses$/).map(({ headers }) => headers["Idempotency-Key"]);
    expect(keys[0]).toBe(keys[1]);
    expect(keys[2]).not.toBe(keys[1]);
  });

  it("whose stream breaks is not asked again: the answer is gone on with where it was seen last", async () => {
    const whole = things.answering("Yes.");
    server().on("POST", /responses$/, () => events(...whole.slice(0, 4)));
    server().on("GET", /responses\/resp_1$/, () => events(...whole.slice(4)));
    expect(await answering.send(chat, "Is it?")).toBeNull();
    expect(said()).toEqual(["Is it?", "Yes."]);
    expect(server().requests("POST", /responses$/)).toHaveLength(1);
    expect(server().requests("GET", /resp_1$/)[0]?.query.get("starting_after")).toBe("3");
  });

  it("waits until it is known which models there are", async () => {
    areModelsKnown.value = false;
    server().on("POST", /responses$/, () => events(...things.answering("Yes.")));
    const sent = answering.send(chat, "Is it?");
    expect(server().requests("POST", /responses$/)).toHaveLength(0);
    areModelsKnown.value = true;
    expect(await sent).toBeNull();
  });

  it("that is stopped before the server has said the answer's id is stopped when it has", async () => {
    let begin = (): void => undefined;
    const waiting = new Promise<Response>((resolve) => (begin = () => resolve(events(...things.answering("Yes.")))));
    server().on("POST", /responses$/, () => waiting);
    server().on("POST", /cancel$/, () => json(things.response("cancelled")));
    const sent = answering.send(chat, "Is it?");
    await vi.waitFor(() => expect(server().requests("POST", /responses$/)).toHaveLength(1));
    const stopped = answering.stop(chat);
    begin();
    await Promise.all([sent, stopped]);
    expect(server().requests("POST", /resp_1\/cancel$/)).toHaveLength(1);
  });

  it("stays when the items after the answer before it come late", async () => {
    server().on("POST", /responses$/, () => events(...things.answering("Yes.")));
    await answering.send(chat, "Is it?");
    let end = (): void => undefined;
    const waiting = new Promise<Response>((resolve) => (end = () => resolve(events(...things.answering("Yes.")))));
    server().on("POST", /responses$/, () => waiting);
    const sent = answering.send(chat, "Really?");
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(said()).toEqual(["Is it?", "Yes.", "Really?"]);
    end();
    await sent;
  });

  it("is not sent while another is answered", async () => {
    let end = (): void => undefined;
    const waiting = new Promise<Response>((resolve) => (end = () => resolve(events(...things.answering("Yes.")))));
    server().on("POST", /responses$/, () => waiting);
    const first = answering.send(chat, "Is it?");
    expect(await answering.send(chat, "And now?")).toBe(chat);
    end();
    expect(await first).toBeNull();
  });

  it("that failed in mid-answer keeps what there is, and says why", async () => {
    const failure = { ...things.response("failed"), error: { code: "server_error", message: "The engine died." } };
    const broken = [...things.answering("Ye").slice(0, -1), { type: "response.failed", response: failure, sequence_number: 9 }];
    server().on("POST", /responses$/, () => events(...broken));
    await answering.send(chat, "Is it?");
    expect(chat.trouble.value).toMatchObject({ kind: "ended", response: { error: { message: "The engine died." } } });
  });

  it("in a temporary chat is kept by nobody, and brings along what was said", async () => {
    chat.isTemporary.value = true;
    server().on("POST", /responses$/, () => events(...things.answering("Yes.")));
    await answering.send(chat, "Is it?");
    await answering.send(chat, "Really?");
    const [, second] = server().requests("POST", /responses$/);
    expect(second?.body).toMatchObject({ store: false });
    expect(second?.body["background"]).toBeUndefined();
    expect((second?.body["input"] as { content: string }[]).map(({ content }) => content)).toEqual(["Is it?", "Yes.", "Really?"]);
    expect(server().requests("POST", /conversations$/)).toHaveLength(0);
  });
});

describe("an answer", () => {
  beforeEach(async () => {
    server().on("POST", /responses$/, () => events(...things.answering("Yes.")));
    server().on("POST", /fork$/, () => json(things.fork("conv_2", "conv_1", "q1", 1, 2)));
    await answering.send(chat, "Is it?");
    await new Promise((resolve) => setTimeout(resolve));
  });

  it("is asked for again in a fork that ends with its question, which is not sent twice", async () => {
    await branching.askAgain(chat, chat.items.value[0]!);
    expect(server().requests("POST", /conv_1\/fork$/)[0]?.body).toEqual({ item_id: "q1" });
    expect(server().requests("POST", /responses$/).at(-1)?.body).toMatchObject({ conversation: "conv_2", input: [] });
    expect(location.pathname).toBe("/c/conv_2");
  });

  it("goes on from another token with what was said before it", async () => {
    await branching.askAgain(chat, chat.items.value[0]!, "No");
    expect(server().requests("POST", /responses$/).at(-1)?.body).toMatchObject({ answer_prefix: "No", input: [] });
  });

  it("to another wording stands beside the first: the fork ends before the question", async () => {
    await branching.edit(chat, chat.items.value[0]!, "Is it really?");
    expect(server().requests("POST", /conv_1\/fork$/)[0]?.body).toEqual({ before: "q1" });
    const sent = server().requests("POST", /responses$/).at(-1)?.body;
    expect(sent).toMatchObject({ conversation: "conv_2", input: [{ role: "user", content: "Is it really?" }] });
    expect(said()).toEqual(["Is it?", "Yes."]);
  });
});
