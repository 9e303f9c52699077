/* Keeps the end of a growing text in view, for as long as the reader does not look elsewhere. */
import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import type { Chat } from "../state/chat";

const NEAR_PX = 24;
const AWAY_KEYS = new Set(["PageUp", "Home", "ArrowUp"]);

interface PinnedEnd {
  readonly isAtEnd: boolean;
  readonly goToEnd: () => void;
}

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
    const letGo = (): void => void (isPinned.current = false);
    const scrolled = (): void => {
      const isNear = element.scrollHeight - element.clientHeight - element.scrollTop < NEAR_PX;
      if (element.scrollTop < lastTop - 1 && !isNear) letGo();
      if (isNear) isPinned.current = true;
      lastTop = element.scrollTop;
      setIsAtEnd(isNear || isPinned.current);
    };
    element.addEventListener("scroll", scrolled, options);
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

  // A chat is shown from its end, and a question that is sent from here is there.
  const sent = chat.items.value.findLast((item) => item.role === "user" && item.id.startsWith("local_"))?.id;
  useEffect(goToEnd, [chat]);
  useEffect(() => (sent ? goToEnd() : undefined), [sent]);
  return { isAtEnd, goToEnd };
}
