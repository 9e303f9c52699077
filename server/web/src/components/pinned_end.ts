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
    let lastHeight = element.scrollHeight;
    let isHeld = false;
    const letGo = (): void => void (isPinned.current = false);
    const scrolled = (): void => {
      const isNear = element.scrollHeight - element.clientHeight - element.scrollTop < NEAR_PX;
      // A text that has become shorter or longer has moved nobody.
      const isMoved = isHeld || element.scrollHeight === lastHeight;
      if (isMoved && element.scrollTop < lastTop - 1 && !isNear) letGo();
      if (isNear) isPinned.current = true;
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

  // A chat is shown from its end, and a question that was sent is there.
  const id = chat.items.value.findLast((item) => item.role === "user")?.id;
  useEffect(goToEnd, [chat, id]);
  return { isAtEnd, goToEnd };
}
