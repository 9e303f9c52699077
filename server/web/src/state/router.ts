/* Which conversation the address names, and the way back. It does not know whether there is such a conversation. */
import { computed, signal } from "@preact/signals";

interface Place {
  readonly conversationId: string | null;
  /** The conversation that is shown beside it. */
  readonly besideId: string | null;
  /** A question that somebody put into a link. */
  readonly question: string | null;
}

const place = signal<Place>(read());

export const conversationId = computed(() => place.value.conversationId);
export const besideId = computed(() => place.value.besideId);
export const linkedQuestion = computed(() => place.value.question);

/** Goes to a conversation, or to a new one; `replace` leaves no step back. */
export function navigate(id: string | null, { replace = false, beside = null as string | null } = {}): void {
  const url = (id ? `/c/${id}` : "/") + (beside ? `?beside=${beside}` : "");
  if (url !== location.pathname + location.search) history[replace ? "replaceState" : "pushState"](null, "", url);
  place.value = read();
}

/** Shows a conversation in the place of another: in its column, if two are side by side. */
export function showInstead(of: string | null, id: string): void {
  const { conversationId: left, besideId: right } = place.value;
  if (of !== null && right === of) navigate(left, { beside: id });
  else navigate(id, { beside: right });
}

export function startRouter(): () => void {
  const update = (): void => void (place.value = read());
  addEventListener("popstate", update);
  update();
  return () => removeEventListener("popstate", update);
}

function read(): Place {
  const query = new URLSearchParams(location.search);
  const id = /^\/c\/([\w-]+)\/?$/.exec(location.pathname)?.[1] ?? null;
  return { conversationId: id, besideId: query.get("beside"), question: query.get("q") };
}
