"""Keeps the slots that generate side by side, since llama.cpp begins another pass over the weights at every gap.

To move a sequence, two slots exchange what they hold, which takes some milliseconds. That is done where the passes that
it saves are soon worth more. Knows slots and durations; it does not know sequences or requests.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from server.engine.cost.pass_cost import SMOOTHING, PassCost
from server.engine.kv.cache import KVCache, Slot

FIRST_SECONDS_PER_TOKEN = 200e-6
"""Seconds that the exchange of a token is taken to cost before the first one: rather too many, as large models need."""

WORTH_STEPS = 50
"""Steps in which exchanges must pay off; sequences may end any time."""

MIN_GAIN = 0.1
"""Share of the passes' time that exchanges must save."""

RECONSIDERED_STEPS = 32
"""Steps after which the costs of passes are looked at again, as long as the generating slots are unchanged."""


class SlotOrder:
    """Closes the gaps between slots that generate."""

    def __init__(self, kv_cache: KVCache, cost: PassCost, clock: Callable[[], float] = time.perf_counter) -> None:
        self._kv_cache = kv_cache
        self._cost = cost
        self._clock = clock
        self._seconds_per_token = FIRST_SECONDS_PER_TOKEN
        self._generating: set[int] = set()
        self._num_steps = 0

    def close_gaps(self, slots: Iterable[Slot], num_steps: int = WORTH_STEPS) -> None:
        """Bring `slots`, which generate in the next steps, together if that pays within `num_steps` of them.

        Exchanges that take longer than they save in one step are spread over several.
        """
        generating = {slot.index for slot in slots}
        self._num_steps = self._num_steps + 1 if generating == self._generating else 0
        self._generating = generating
        if len(_runs(generating)) < 2 or self._num_steps % RECONSIDERED_STEPS:
            return
        now = self._seconds(generating)
        gain = now - self._cost.fastest_seconds(len(generating))
        if gain <= MIN_GAIN * now:
            return
        moves = self._cheapest_moves(generating)
        cost = sum(map(self._num_tokens, moves)) * self._seconds_per_token
        if gain * num_steps > cost:
            self._carry_out(moves, gain)

    def _cheapest_moves(self, generating: set[int]) -> list[tuple[Slot, Slot]]:
        """The exchanges of fewest tokens after which the generating slots are side by side.

        Each pair is a generating slot outside the chosen run, and a slot inside that does not generate.
        """
        by_index = {slot.index: slot for slot in self._kv_cache.slots}
        ways = []
        for first in range(len(by_index) - len(generating) + 1):
            place = set(range(first, first + len(generating)))
            pairs = zip(sorted(generating - place), sorted(place - generating), strict=True)
            ways.append([(by_index[old], by_index[new]) for old, new in pairs])
        return min(ways, key=lambda moves: (sum(map(self._num_tokens, moves)), len(moves)))

    def _carry_out(self, moves: Iterable[tuple[Slot, Slot]], max_seconds: float) -> None:
        started = self._clock()
        for old, new in moves:
            self._exchange(old, new)
            if self._clock() - started > max_seconds:
                return

    def _exchange(self, slot: Slot, other: Slot) -> None:
        num_tokens = self._num_tokens((slot, other))
        started = self._clock()
        self._kv_cache.exchange(slot, other)
        per_token = (self._clock() - started) / max(num_tokens, 1)
        self._seconds_per_token += SMOOTHING * (per_token - self._seconds_per_token)

    def _seconds(self, indices: Iterable[int]) -> float:
        return sum(self._cost.fastest_seconds(last - first + 1) for first, last in _runs(indices))

    @staticmethod
    def _num_tokens(slots: tuple[Slot, Slot]) -> int:
        return sum(len(slot.tokens) for slot in slots)


def _runs(indices: Iterable[int]) -> list[tuple[int, int]]:
    """First and last number of every run of consecutive numbers."""
    found: list[tuple[int, int]] = []
    for index in sorted(indices):
        if found and found[-1][1] + 1 == index:
            found[-1] = found[-1][0], index
        else:
            found.append((index, index))
    return found
