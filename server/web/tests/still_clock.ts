/* A clock that stands still: on a busy machine nothing is plain text for having taken too long. Tests of that let it run
 * (`vi.restoreAllMocks()`). */
import { beforeEach, vi } from "vitest";

beforeEach(() => {
  vi.spyOn(performance, "now").mockReturnValue(0);
});
