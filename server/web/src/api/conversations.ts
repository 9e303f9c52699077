/* `/v1/conversations`. It keeps nothing. */
import { request } from "./client";
import type { ChatDefaults, Conversation, Item, List, Match } from "./types";

export interface ConversationChange {
  readonly title?: string;
  readonly pinned?: boolean;
  readonly archived?: boolean;
  readonly instructions?: string | null;
  readonly defaults?: ChatDefaults | null;
}

const ITEMS_PER_PAGE = 100;
const CONVERSATIONS_PER_PAGE = 50;

const place = (id: string): string => `/v1/conversations/${encodeURIComponent(id)}`;

export const createConversation = (settings: ConversationChange): Promise<Conversation> =>
  request("POST", "/v1/conversations", { body: settings });

/** The conversations that are no forks, by the newest activity of their families. */
export const listRoots = (filter: {
  after?: string | undefined;
  archived?: boolean;
  pinned?: boolean;
}): Promise<List<Conversation>> =>
  request("GET", "/v1/conversations", { query: { roots: true, limit: CONVERSATIONS_PER_PAGE, ...filter } });

/** A conversation and all its forks. */
export const listFamily = (rootId: string): Promise<List<Conversation>> =>
  request("GET", "/v1/conversations", { query: { root: rootId, limit: 100 } });

/** A conversation with its newest response. */
export const retrieveConversation = (id: string): Promise<Conversation> =>
  request("GET", place(id), { query: { "include[]": "parley.last_response" } });

export const changeConversation = (id: string, change: ConversationChange): Promise<Conversation> =>
  request("POST", place(id), { body: change });

/** Deletes a conversation with all its forks, even if the page is closed meanwhile. */
export const deleteFamily = (id: string): Promise<unknown> =>
  request("DELETE", place(id), { query: { family: true }, keepalive: true });

/** Newest first, with where they come from. */
export const listItems = (id: string, after?: string): Promise<List<Item>> =>
  request("GET", `${place(id)}/items`, {
    query: { order: "desc", limit: ITEMS_PER_PAGE, "include[]": "parley.origin", after },
  });

/** Puts items behind those of a conversation. */
export const addItems = (id: string, items: readonly Item[]): Promise<List<Item>> =>
  request("POST", `${place(id)}/items`, { body: { items } });

/** A new conversation with the items up to and including one, or with those before it. */
export const forkConversation = (
  id: string,
  until: { readonly item_id: string } | { readonly before: string } | Record<string, never>,
): Promise<Conversation> => request("POST", `${place(id)}/fork`, { body: until });

export const searchConversations = (query: string, signal: AbortSignal): Promise<List<Match>> =>
  request("GET", "/v1/conversations/search", { query: { query, limit: 20 }, signal });
