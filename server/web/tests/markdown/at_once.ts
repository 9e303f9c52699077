/* Takes a growing text in as it comes, so that tests need not wait for frames. */
import type { Schedule } from "../../src/markdown/frames";

export const atOnce: Schedule = (run) => {
  run();
  return () => undefined;
};
