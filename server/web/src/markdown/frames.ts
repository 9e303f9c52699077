/* When a growing text is taken in: with the next frame, or later where that is too often.
 *
 * Knows nothing of markdown.
 */
export type Schedule = (run: () => void, delay: number) => () => void;

export const SLOWEST_MS = 250;

/* A hidden page has no frames. */
export const onFrame: Schedule = (run, delay) => {
  if (delay > 0 || document.hidden) {
    const timer = setTimeout(run, document.hidden ? SLOWEST_MS : delay);
    return () => clearTimeout(timer);
  }
  const frame = requestAnimationFrame(run);
  return () => cancelAnimationFrame(frame);
};
