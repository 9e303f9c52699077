"""How long to wait before the next attempt. Knows numbers only: no clock, no processes."""

from __future__ import annotations

FIRST_DELAY_SECONDS = 0.5
MAX_DELAY_SECONDS = 60.0
STABLE_AFTER_SECONDS = 60.0


class Backoff:
    """Delays that double with every failure in a row, so that nothing ever restarts in a storm.

    Two kinds of failure are counted: starts that never became ready, forgotten as soon as one does, and crashes of
    something that had been ready, forgotten once it has been ready for a minute. The first crash costs no delay.

        failed starts in a row:    0.5  1  2  4  ... 60 s
        crashes shortly after:     0    0.5  1  2  ... 60 s
    """

    def __init__(self) -> None:
        self._num_failed_starts = 0
        self._num_crashes = 0
        self._ready_since: float | None = None

    def note_ready(self, now: float) -> None:
        """It became ready at `now` (seconds of any steady clock)."""
        self._ready_since = now
        self._num_failed_starts = 0

    def next_delay(self, now: float) -> float:
        """It ended at `now`: the seconds to wait before starting it again."""
        if self._ready_since is None:
            self._num_failed_starts += 1
            num_failures = self._num_crashes + self._num_failed_starts
        else:
            if now - self._ready_since >= STABLE_AFTER_SECONDS:
                self._num_crashes = 0
            self._ready_since = None
            num_failures = self._num_crashes
            self._num_crashes += 1
        return _delay_seconds(num_failures)


def _delay_seconds(num_failures: int) -> float:
    if num_failures == 0:
        return 0.0
    # The exponent is bounded because 2.0 ** 1024 overflows, and a missing file may be retried for weeks.
    return min(FIRST_DELAY_SECONDS * 2.0 ** min(num_failures - 1, 10), MAX_DELAY_SECONDS)
