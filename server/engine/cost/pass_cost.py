"""The cost of a pass over the weights by its number of rows, and the fastest cut into passes, learned by trying.

A pass computes one row, which is a token, or several. Twice the rows rarely take twice the time, but sometimes more: on
a CPU the kernels for one row may beat those for two. Knows counts and durations; it does not know sequences, slots or
clocks.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

SMOOTHING = 0.2
"""Weight of the newest step in the moving averages."""

MAX_SURPRISE = 2.0
"""Multiple of its expected time beyond which a step says more about the machine than about the pass."""

MAX_SPLIT_ROWS = 8
"""Most rows that may be cut into several passes; with more, the kernels for many rows are always better."""

MAX_TRIED_ROWS = 4
"""Most rows of which it is tried whether single rows are faster, at the price of one slow step."""

TRIAL_INTERVAL = 256
"""Steps after which the slower way is tried again, since contexts and machines change."""

FIRST_TRIAL_INTERVAL = 8
"""Steps in several passes after which rows that were seen together once are tried together again, since that time may
have been unlucky. The interval grows with the square of the times seen, up to `TRIAL_INTERVAL`."""

MIN_GAIN = 0.05
"""Share of the time that another way must save, so that noise decides nothing."""


class PassCost:
    """Moving averages of a pass's seconds by its number of rows."""

    def __init__(self, may_split: bool = True) -> None:
        """Nothing is known at first. Unless `may_split`, rows that could be one pass are never tried in several."""
        self._may_split = may_split
        self._seconds: dict[int, float] = {}
        self._num_seen: Counter[int] = Counter()
        self._num_steps: Counter[int] = Counter()
        self._num_steps_apart: Counter[int] = Counter()
        """Steps by number of rows since that number was last seen together."""

    def seconds(self, num_rows: int, seconds_per_row: float = 0.0) -> float | None:
        """Seconds of a pass over `num_rows` rows, interpolated between the nearest numbers seen; None if none has been
        seen.

        Each row beyond the largest number seen is taken to cost `seconds_per_row`.
        """
        if num_rows in self._seconds:
            return self._seconds[num_rows]
        below = max((known for known in self._seconds if known < num_rows), default=None)
        above = min((known for known in self._seconds if known > num_rows), default=None)
        if below is None:
            return None if above is None else self._seconds[above]
        if above is None:
            return self._seconds[below] + (num_rows - below) * seconds_per_row
        share = (num_rows - below) / (above - below)
        return self._seconds[below] + share * (self._seconds[above] - self._seconds[below])

    def learn(self, passes: Sequence[int], seconds: float) -> None:
        """Account for a step that took `seconds` in all; `passes` has the number of rows of each of its passes."""
        expected = {num_rows: self.seconds(num_rows) or float(num_rows) for num_rows in passes}
        surprise = seconds / sum(expected[num_rows] for num_rows in passes)
        for num_rows, before in expected.items():
            self._num_seen[num_rows] += 1
            self._num_steps_apart[num_rows] = 0
            if num_rows in self._seconds:
                weight = max(SMOOTHING, 1 / self._num_seen[num_rows])  # the first few weigh equally
                self._seconds[num_rows] += weight * before * (min(surprise, MAX_SURPRISE) - 1)
            else:
                self._seconds[num_rows] = before * surprise

    def fastest_seconds(self, num_rows: int) -> float:
        """Seconds of `num_rows` rows that could be one pass, cut the fastest way; 0 while nothing is known."""
        together = self.seconds(num_rows) or 0.0
        if not self._is_splittable(num_rows):
            return together
        return min(together, self._total(self._best_split(num_rows)))

    def partition(self, num_rows: int) -> list[int]:
        """Numbers of rows of the passes into which to cut `num_rows` rows that could be one pass."""
        if not self._is_splittable(num_rows):
            return [num_rows]
        self._num_steps[num_rows] += 1
        together = self._seconds.get(num_rows)
        if together is None:
            return [num_rows]
        apart = self._best_split(num_rows)
        if self._total(apart) >= together * (1 - MIN_GAIN):
            return apart if self._is_trial_apart(num_rows) else [num_rows]
        self._num_steps_apart[num_rows] += 1
        return [num_rows] if self._is_trial_together(num_rows) else apart

    def _is_splittable(self, num_rows: int) -> bool:
        return self._may_split and 1 < num_rows <= MAX_SPLIT_ROWS

    def _total(self, passes: Sequence[int]) -> float:
        return sum(self._seconds.get(num_rows, math.inf) for num_rows in passes)

    def _is_trial_apart(self, num_rows: int) -> bool:
        is_new = 1 not in self._seconds
        return num_rows <= MAX_TRIED_ROWS and (is_new or self._num_steps[num_rows] % TRIAL_INTERVAL == 0)

    def _is_trial_together(self, num_rows: int) -> bool:
        interval = FIRST_TRIAL_INTERVAL * self._num_seen[num_rows] ** 2
        return self._num_steps_apart[num_rows] >= min(interval, TRIAL_INTERVAL)

    def _best_split(self, num_rows: int) -> list[int]:
        """The fastest cut into two or more passes of sizes that have been seen; single rows if there is none."""
        best: dict[int, tuple[float, list[int]]] = {0: (0.0, [])}
        sizes = [size for size in self._seconds if size < num_rows]
        for total in range(1, num_rows + 1):
            cuts = [(best[total - size], size) for size in sizes if total - size in best]
            if cuts:
                best[total] = min((before[0] + self._seconds[size], [*before[1], size]) for before, size in cuts)
        return best[num_rows][1] if num_rows in best else [1] * num_rows
