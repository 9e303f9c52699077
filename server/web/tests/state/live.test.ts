import { beforeAll, describe, expect, it } from "vitest";

import { fetchGrowingText } from "../../src/state/growing_text";
import { Live } from "../../src/state/live";
import { answering, response } from "../things";
import type { StreamEvent } from "../../src/api/types";

const take = (live: Live, said: readonly object[]) => said.map((event) => live.take(event as StreamEvent)).at(-1);

beforeAll(fetchGrowingText);

describe("a live answer", () => {
  it("has the whole text when it ends, and gives the response once", () => {
    const live = new Live();
    expect(take(live, answering("Hello there."))?.status).toBe("completed");
    expect(live.text).toBe("Hello there.");
    expect(live.responseId.value).toBe("resp_1");
    expect(live.parts.value[0]?.isDone.value).toBe(true);
  });

  it("takes no event twice: after a reconnection some come again", () => {
    const live = new Live();
    const said = answering("abcdef");
    take(live, said.slice(0, 5));
    take(live, said.slice(2));
    expect(live.text).toBe("abcdef");
  });

  it("says what it is doing", () => {
    const live = new Live();
    const phases = [];
    for (const event of answering("ab").slice(0, -1)) {
      live.take(event as StreamEvent);
      phases.push(live.phase.value);
    }
    expect(phases).toEqual(["reading", "writing", "writing", "writing", "writing"]);
  });

  it("keeps thoughts and calls apart from the text", () => {
    const live = new Live();
    const said = [
      { type: "response.created", response: response("in_progress") },
      { type: "response.output_item.added", item: { id: "r", type: "reasoning" } },
      { type: "response.reasoning_text.delta", item_id: "r", delta: "Hm." },
      { type: "response.output_item.added", item: { id: "m", type: "message" } },
      { type: "response.output_text.delta", item_id: "m", delta: "Yes." },
      { type: "response.output_item.added", item: { id: "c", type: "function_call", name: "look" } },
      { type: "response.function_call_arguments.delta", item_id: "c", delta: "{}" },
    ];
    take(live, said.map((event, sequence_number) => ({ ...event, sequence_number })));
    expect(live.parts.value.map(({ kind, name, text }) => [kind, name, text.text])).toEqual([
      ["reasoning", "", "Hm."],
      ["text", "", "Yes."],
      ["call", "look", "{}"],
    ]);
    expect(live.text).toBe("Yes.");
    expect(live.phase.value).toBe("calling");
  });

  it("collects the probabilities of its tokens", () => {
    const live = new Live();
    const [created, added] = answering("");
    const token = { token: "a", logprob: -0.1, top_logprobs: [] };
    const delta = { type: "response.output_text.delta", item_id: "msg_1", delta: "a", logprobs: [token], sequence_number: 2 };
    take(live, [created!, added!, delta]);
    expect(live.parts.value[0]?.tokens).toEqual([token]);
  });
});
