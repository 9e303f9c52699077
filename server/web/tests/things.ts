/* Conversations, items and events as the API says them. */
import type { Conversation, Item, ResponseObject, Status } from "../src/api/types";

export function conversation(id: string, fields: Partial<Conversation> = {}): Conversation {
  return { id, created_at: 1, updated_at: 1, title: null, metadata: {}, root_id: id, forked_from: null, ...fields };
}

/** A fork that has the first `position` items of another conversation. */
export function fork(id: string, of: string, itemId: string | null, position: number, created: number): Conversation {
  const forked_from = { conversation_id: of, item_id: itemId, position };
  return conversation(id, { created_at: created, updated_at: created, root_id: "root", forked_from });
}

export const question = (id: string, text: string): Item => ({
  id,
  type: "message",
  role: "user",
  content: [{ type: "input_text", text }],
});

export const answer = (id: string, text: string): Item => ({
  id,
  type: "message",
  role: "assistant",
  status: "completed",
  content: [{ type: "output_text", text }],
});

export function response(status: Status, output: readonly Item[] = []): ResponseObject {
  const usage = { input_tokens: 5, output_tokens: 2, total_tokens: 7 };
  const rest = { model: "m", created_at: 1, completed_at: 2, usage, incomplete_details: null, error: null };
  return { id: "resp_1", status, output, ...rest };
}

/** The events of an answer, numbered from 0. */
export function answering(text: string, status: Status = "completed"): object[] {
  const item = answer("msg_1", text);
  const said = [
    { type: "response.created", response: response("in_progress") },
    { type: "response.output_item.added", item: { ...item, content: [] } },
    ...[...text].map((delta) => ({ type: "response.output_text.delta", item_id: "msg_1", delta })),
    { type: "response.output_item.done", item },
    { type: status === "completed" ? "response.completed" : "response.incomplete", response: response(status, [item]) },
  ];
  return said.map((event, sequence_number) => ({ ...event, sequence_number }));
}
