/* Keeps the end of a growing text in view, for as long as the reader does not look elsewhere. */
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import type { Chat } from "../state/chat";

const NEAR_PX = 24;
const AWAY_KEYS = new Set(["PageUp", "Home", "ArrowUp"]);

interface PinnedEnd {
  readonly isAtEnd: boolean;
  readonly goToEnd: () => void;
}

const isNearEnd = (element: HTMLElement): boolean =>
  element.scrollHeight - element.clientHeight - element.scrollTop < NEAR_PX;

const rootOf = ({ info }: Chat): string | undefined => info.value?.root_id;

export function usePinnedEnd(scroller: RefObject<HTMLElement | null>, chat: Chat): PinnedEnd {
  const isPinned = useRef(true);
  const [isAtEnd, setIsAtEnd] = useState(true);
  const goToEnd = (): void => {
    const element = scroller.current;
    if (!element) return;
    isPinned.current = true;
    element.scrollTop = element.scrollHeight;
    setIsAtEnd(true);
  };

  useEffect(() => {
    const element = scroller.current;
    if (!element) return undefined;
    const over = new AbortController();
    const options = { signal: over.signal, passive: true };
    let lastTop = element.scrollTop;
    let lastHeight = element.scrollHeight;
    let isHeld = false;
    const letGo = (): void => void (isPinned.current = false);
    const scrolled = (): void => {
      const isNear = isNearEnd(element);
      // A text that has become shorter or longer has moved nobody.
      const isMoved = isHeld || element.scrollHeight === lastHeight;
      if (isMoved && element.scrollTop < lastTop - 1 && !isNear) letGo();
      if (isNear && element.scrollTop >= lastTop) isPinned.current = true; // else the text has become shorter
      lastTop = element.scrollTop;
      lastHeight = element.scrollHeight;
      setIsAtEnd(isNear || isPinned.current);
    };
    element.addEventListener("scroll", scrolled, options);
    element.addEventListener("pointerdown", () => (isHeld = true), options);
    for (const end of ["pointerup", "pointercancel", "touchend"]) addEventListener(end, () => (isHeld = false), options);
    element.addEventListener("touchmove", () => (isHeld = true), options);
    element.addEventListener("wheel", (event) => event.deltaY < 0 && letGo(), options);
    element.addEventListener("keydown", (event) => AWAY_KEYS.has(event.key) && letGo(), options);
    const grown = new ResizeObserver(() => (isPinned.current ? goToEnd() : undefined));
    grown.observe(element);
    for (const child of element.children) grown.observe(child);
    return () => {
      over.abort();
      grown.disconnect();
    };
  }, [chat]);

  // A chat is shown from its end, a variant of the one that was shown where that was read; and a question that is sent from here is there.
  const sent = chat.items.value.findLast((item) => item.role === "user" && item.id.startsWith("local_"))?.id;
  const shown = useRef<Chat | null>(null);
  useLayoutEffect(() => {
    const isVariant = shown.current !== null && rootOf(shown.current) === rootOf(chat);
    shown.current = chat;
    if (!isVariant || chat.live.value) return goToEnd();
    isPinned.current = scroller.current !== null && isNearEnd(scroller.current);
    setIsAtEnd(isPinned.current);
  }, [chat]);
  useEffect(() => (sent ? goToEnd() : undefined), [sent]);
  return { isAtEnd, goToEnd };
}

/** Leaves the reader where they are when older messages come above what is read. Browsers that keep the place by
 * themselves do not so at the very top. */
export function useKeptPlace(scroller: RefObject<HTMLElement | null>, oldest: string | undefined): void {
  const before = scroller.current;
  const fromEnd = before ? before.scrollHeight - before.scrollTop : 0;
  const known = useRef(oldest);
  useLayoutEffect(() => {
    const element = scroller.current;
    const isOlder = known.current !== oldest && known.current !== undefined;
    known.current = oldest;
    if (element && isOlder && fromEnd) element.scrollTop = element.scrollHeight - fromEnd;
  }, [oldest]);
}
