/* Everything that was said in a chat. It stays at its end while that grows, unless the reader is elsewhere. */
import { ArrowDown } from "lucide";
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

import type { Item } from "../api/types";
import { isSaidBy, keyOf, type Chat } from "../state/chat";
import { fetchOlder } from "../state/history";
import { words } from "../words";
import { Answer } from "./Answer";
import { IconButton } from "./IconButton";
import { LiveMessage } from "./LiveMessage";
import { Question } from "./Question";
import { Trouble } from "./Trouble";
import { usePinnedEnd } from "./pinned_end";

export interface TranscriptProps {
  readonly chat: Chat;
  readonly id: string;
}

export function Transcript({ chat, id }: TranscriptProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const { isAtEnd, goToEnd } = usePinnedEnd(scroller, chat);
  const top = useRef<HTMLButtonElement>(null);
  const live = chat.live.value;
  const first = chat.items.value[0]?.id;
  useSamePlace(scroller, first);
  // Anew for each page of items: one that is near already does not come nearer.
  useEffect(() => whenNear(top.current, () => void fetchOlder(chat)), [chat, chat.hasOlder.value, first]);
  return (
    <div class="transcript-frame">
      <div ref={scroller} id={id} class="transcript" role="log" aria-live="off" tabIndex={0} aria-label={words.product}>
        <div class="measure">
          {chat.hasOlder.value && (
            <button ref={top} type="button" class="button older" onClick={() => void fetchOlder(chat)}>
              {words.message.older}
            </button>
          )}
          <Messages chat={chat} />
          {live && <LiveMessage live={live} />}
          <Trouble chat={chat} />
        </div>
      </div>
      {!isAtEnd && <IconButton class="latest" icon={ArrowDown} label={words.message.latest} isNamed onClick={goToEnd} />}
    </div>
  );
}

function Messages({ chat }: { chat: Chat }) {
  const answering = chat.live.value?.responseId.value;
  const groups = grouped(chat.items.value.filter((item) => !isSaidBy(item, answering)));
  return (
    <>
      {groups.map((items, index) => {
        const first = items[0]!;
        const before = groups[index - 1]?.at(-1) ?? null;
        if (first.role === "user") return <Question key={keyOf(first)} chat={chat} item={first} after={before?.id ?? null} />;
        if (first.type === "compaction") return <hr key={first.id} class="summarised" aria-label={words.said.summarised} />;
        const isLast = index === groups.length - 1 && !chat.live.value;
        return <Answer key={keyOf(first)} chat={chat} items={items} before={before} isLast={isLast} />;
      })}
    </>
  );
}

/** Each question, and all that belongs to one answer, together. */
export function grouped(items: readonly Item[]): Item[][] {
  const groups: Item[][] = [];
  for (const item of items) {
    const last = groups.at(-1)?.[0];
    const isAlone = item.role === "user" || item.type === "compaction";
    if (isAlone || !last || last.role === "user" || last.type === "compaction") groups.push([item]);
    else groups.at(-1)?.push(item);
  }
  return groups;
}

/** Older messages appear above what is being read, which stays where it is. */
function useSamePlace(scroller: RefObject<HTMLElement | null>, first: string | undefined): void {
  const drawn = useRef(first);
  const message = drawn.current === first ? null : scroller.current?.querySelector("article");
  const before = message?.getBoundingClientRect().top;
  useLayoutEffect(() => {
    drawn.current = first;
    if (!message?.isConnected || before === undefined || !scroller.current) return;
    scroller.current.scrollTop += message.getBoundingClientRect().top - before;
  }, [first]);
}

function whenNear(element: Element | null, callback: () => void): (() => void) | undefined {
  if (!element) return undefined;
  const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && callback(), { rootMargin: "600px 0px" });
  observer.observe(element);
  return () => observer.disconnect();
}
