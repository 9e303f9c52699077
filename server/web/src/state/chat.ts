/* A chat as the page sees it: what was said, what is being said, and what went wrong. It asks for nothing itself. */
import { computed, signal, type Signal } from "@preact/signals";

import type { ApiFailure } from "../api/failure";
import type { ChatDefaults, Conversation, Item, ResponseSummary } from "../api/types";
import type { Live } from "./live";
import { conversationId } from "./router";

/** How a chat is made to answer; null is as the server has it. */
export interface ChatSettings {
  readonly instructions: string | null;
  readonly defaults: ChatDefaults;
}

/** Why there is no answer, or only a part of one. */
export type Trouble =
  /** The server has not taken it. Without `again`, what was asked is in the composer. */
  | { readonly kind: "refused"; readonly failure: ApiFailure; readonly again?: () => void }
  | { readonly kind: "ended"; readonly response: ResponseSummary }
  /** Nobody has asked for an answer, or that has not come to the server. */
  | { readonly kind: "unanswered" };

export interface Chat {
  /** null until the server has given it one. */
  readonly id: Signal<string | null>;
  readonly state: Signal<"new" | "loading" | "ready" | "gone" | "failed">;
  readonly info: Signal<Conversation | null>;
  /** Oldest first. */
  readonly items: Signal<readonly Item[]>;
  /** Whether older items than those are at the server. */
  readonly hasOlder: Signal<boolean>;
  readonly live: Signal<Live | null>;
  readonly trouble: Signal<Trouble | null>;
  /** The conversation with all its forks. */
  readonly family: Signal<readonly Conversation[]>;
  readonly settings: Signal<ChatSettings>;
  /** Nobody keeps it: it is gone with this page. */
  readonly isTemporary: Signal<boolean>;
}

export const NO_SETTINGS: ChatSettings = { instructions: null, defaults: {} };

/** The chats that were looked at since the page was opened. Several may be answering. */
const chats = new Map<string, Chat>();

export function makeChat(id: string | null): Chat {
  return {
    id: signal(id),
    state: signal(id ? "loading" : "new"),
    info: signal<Conversation | null>(null),
    items: signal<readonly Item[]>([]),
    hasOlder: signal(false),
    live: signal<Live | null>(null),
    trouble: signal<Trouble | null>(null),
    family: signal<readonly Conversation[]>([]),
    settings: signal(NO_SETTINGS),
    isTemporary: signal(false),
  };
}

/** The chat that has no id yet; replaced as soon as it has one. */
export const newChat = signal(makeChat(null));

export function chatOf(id: string): Chat {
  const known = chats.get(id);
  if (known) return known;
  const chat = makeChat(id);
  chats.set(id, chat);
  return chat;
}

export const currentChat = computed<Chat>(() => (conversationId.value ? chatOf(conversationId.value) : newChat.value));

/** Gives a new chat the conversation that the server has made for it. */
export function settle(chat: Chat, conversation: Conversation): void {
  chats.set(conversation.id, chat);
  chat.id.value = conversation.id;
  chat.info.value = conversation;
  chat.state.value = "ready";
  if (newChat.value === chat) newChat.value = makeChat(null);
}

export function forgetChat(id: string): void {
  chats.get(id)?.live.value?.abort.abort();
  chats.delete(id);
}

export const startNewChat = (): void => void (newChat.value = makeChat(null));

/** Conversations that are being answered for this page. */
export const isAnswering = (id: string): boolean => Boolean(chats.get(id)?.live.value);

export const allChats = (): Iterable<Chat> => chats.values();

/** What an item is drawn under: a question stays what it is when the server has given it its id. */
export const keyOf = (item: Item): string => drawnAs.get(item.id) ?? item.id;

const drawnAs = new Map<string, string>();

export function drawAs(id: string, before: Item): void {
  if (before.id !== id) drawnAs.set(id, keyOf(before));
}

export const isLocal = ({ id }: Item): boolean => id.startsWith("local_");

/** Whether an answer said it: while that is being made, the server has a part of it among the items. */
export const isSaidBy = (item: Item, responseId: string | null | undefined): boolean =>
  item.role !== "user" && Boolean(responseId) && item.parley?.response?.id === responseId;

export const textOf = (item: Item): string => {
  if (typeof item.content === "string") return item.content;
  return (item.content ?? []).map((part) => part.text ?? part.refusal ?? "").join("");
};

/** The last question, and undefined before there is one. */
export const lastQuestion = (chat: Chat): Item | undefined => chat.items.value.findLast((item) => item.role === "user");

export const lastAnswer = (chat: Chat): Item | undefined =>
  chat.items.value.findLast((item) => item.role === "assistant" && item.type === "message");
