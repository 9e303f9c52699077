/* `/v1/prompts`. It keeps nothing. */
import { request } from "./client";
import type { List, SavedPrompt } from "./types";

export const listPrompts = (): Promise<List<SavedPrompt>> => request("GET", "/v1/prompts", { query: { limit: 100 } });

export const savePrompt = (name: string, text: string): Promise<SavedPrompt> =>
  request("POST", "/v1/prompts", { body: { name, text } });

export const deletePrompt = (id: string): Promise<unknown> =>
  request("DELETE", `/v1/prompts/${encodeURIComponent(id)}`);
