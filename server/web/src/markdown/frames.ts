/* When a growing text is taken in: once a frame, four times a second where that is too often.
 *
 * Knows nothing of markdown.
 */
export type Schedule = (run: () => void, isSlow: boolean) => () => void;

const SLOW_MS = 250;

/* A hidden page has no frames. */
export const onFrame: Schedule = (run, isSlow) => {
  if (isSlow || document.hidden) {
    const timer = setTimeout(run, SLOW_MS);
    return () => clearTimeout(timer);
  }
  const frame = requestAnimationFrame(run);
  return () => cancelAnimationFrame(frame);
};

export const atOnce: Schedule = (run) => {
  run();
  return () => undefined;
};
