/* Work that may wait until the browser has nothing else to do. */
const LATEST_MS = 1000;
const WITHOUT_IDLE_MS = 50;

/* Safari has no requestIdleCallback. */
export function whenIdle(run: () => void): () => void {
  if (typeof requestIdleCallback === "function") {
    const handle = requestIdleCallback(run, { timeout: LATEST_MS });
    return () => cancelIdleCallback(handle);
  }
  const timer = setTimeout(run, WITHOUT_IDLE_MS);
  return () => clearTimeout(timer);
}
