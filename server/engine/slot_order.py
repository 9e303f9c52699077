"""Keeps the slots that generate side by side, since llama.cpp begins another pass over the weights at every gap.

Moving a sequence means to exchange what two slots hold, which takes some milliseconds; it is done where the passes that
it saves are soon worth more. Knows slots and durations; it does not know sequences or requests.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from server.engine.kv_cache import KVCache, Slot
from server.engine.pass_cost import SMOOTHING, PassCost

FIRST_SECONDS_PER_TOKEN = 200e-6
"""What exchanging a token is taken to cost before the first time: rather too much, as large models need."""

WORTH_STEPS = 50
"""An exchange must have paid off after so many steps; sequences may end any time."""

MIN_GAIN = 0.1
"""Share of a step's time that an exchange must save."""

RECONSIDERED_STEPS = 32
"""As long as the same slots are busy, it is only so often looked at what passes cost by now."""


class SlotOrder:
    """Closes gaps between busy slots, one exchange a step at most."""

    def __init__(self, kv_cache: KVCache, cost: PassCost, clock: Callable[[], float] = time.perf_counter) -> None:
        self._kv_cache = kv_cache
        self._cost = cost
        self._clock = clock
        self._seconds_per_token = FIRST_SECONDS_PER_TOKEN
        self._busy: set[int] = set()
        self._num_steps = 0

    def close_gap(self) -> None:
        """Exchange a busy slot with a free one if that soon saves more time than it takes."""
        busy = {slot.index for slot in self._kv_cache.slots if slot.is_busy}
        self._num_steps = self._num_steps + 1 if busy == self._busy else 0
        self._busy = busy
        if not busy or max(busy) - min(busy) + 1 == len(busy) or self._num_steps % RECONSIDERED_STEPS:
            return
        by_index = {slot.index: slot for slot in self._kv_cache.slots}
        now = self._seconds(busy)
        moves = [(self._seconds(busy - {old} | {new}), old, new) for old, new in _moves(busy, len(by_index))]
        after, old, new = min(moves)
        num_tokens = len(by_index[old].tokens) + len(by_index[new].tokens)
        gain = now - after
        if gain > MIN_GAIN * now and gain * WORTH_STEPS > num_tokens * self._seconds_per_token:
            self._exchange(by_index[old], by_index[new], num_tokens)

    def _exchange(self, busy: Slot, free: Slot, num_tokens: int) -> None:
        started = self._clock()
        self._kv_cache.exchange(busy, free)
        per_token = (self._clock() - started) / max(num_tokens, 1)
        self._seconds_per_token += SMOOTHING * (per_token - self._seconds_per_token)

    def _seconds(self, busy: Iterable[int]) -> float:
        return sum(self._cost.fastest_seconds(last - first + 1) for first, last in _runs(busy))


def _runs(indices: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of every run of consecutive numbers."""
    found: list[tuple[int, int]] = []
    for index in sorted(indices):
        if found and found[-1][1] + 1 == index:
            found[-1] = found[-1][0], index
        else:
            found.append((index, index))
    return found


def _moves(busy: set[int], num_slots: int) -> list[tuple[int, int]]:
    """From either end of the shortest run to either side of the others."""
    runs = _runs(busy)
    shortest = min(runs, key=lambda run: run[1] - run[0])
    beside = {index for run in runs if run is not shortest for index in (run[0] - 1, run[1] + 1)}
    free = [index for index in sorted(beside) if 0 <= index < num_slots and index not in busy]
    return [(old, new) for old in sorted(set(shortest)) for new in free]
