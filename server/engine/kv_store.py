"""States that were taken out of slots, in host memory: the least recently used leaves when the room is needed.

A state is found again by its scope and the tokens that it is of. This module does not know slots, files or what the
bytes mean.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass

from server.engine.kv_cache import State
from server.engine.kv_stats import KVStats
from server.engine.prefix_index import PrefixIndex, common_prefix_length

HINTED_SECONDS = 600.0
"""A state that somebody said they would come back for counts as used this much later than it was."""


@dataclass(eq=False)
class SavedState:
    """What the KV cache held for `tokens`, in host memory, on disk or both. Compared by identity."""

    scope: str
    tokens: array[int]
    num_bytes: int
    cache_hint: str = ""
    stays_off_disk: bool = False
    last_used: float = 0.0
    """Seconds on the store's clock."""
    data: State | None = None
    """None when it is not in host memory."""
    file_name: str | None = None
    """None when it is not on disk."""

    @property
    def worth(self) -> float:
        """The least leaves first."""
        return self.last_used + (HINTED_SECONDS if self.cache_hint else 0.0)


class StateStore:
    """Holds up to `max_bytes` of states in host memory, and knows which ones are on disk."""

    def __init__(self, max_bytes: int, can_trim: bool, stats: KVStats, clock: Callable[[], float]) -> None:
        self._max_bytes = max_bytes
        self._can_trim = can_trim
        self._stats = stats
        self._clock = clock
        self._index: PrefixIndex[SavedState] = PrefixIndex(is_whole_only=not can_trim)
        self._by_hint: dict[tuple[str, str], dict[SavedState, None]] = {}
        self._in_ram: dict[SavedState, None] = {}
        self.states: dict[SavedState, None] = {}
        """All of them, wherever they are."""

    def find(self, tokens: array[int], scope: str) -> tuple[SavedState, int] | None:
        """The state with the longest usable prefix of `tokens`, and its length."""
        return self._index.find(tokens, scope)

    def add(self, state: SavedState) -> list[SavedState]:
        """Take a state in, with its data in host memory if there is room for it, and give up those that it replaces.

        Returns the states that were given up and are on disk, which is not the store's to change.
        """
        state.last_used = self._clock()
        given_up = self._replaced_by(state)
        for other in given_up:
            self.remove(other)
        self._enter(state)
        if state.num_bytes > self._max_bytes:
            self.drop_data(state)
        elif state.data is not None:
            self._in_ram[state] = None
            self._count_ram(state, 1)
            self._make_room()
        return [other for other in given_up if other.file_name is not None]

    def touch(self, state: SavedState) -> None:
        """Note that the state was used just now."""
        state.last_used = self._clock()

    def drop_data(self, state: SavedState) -> None:
        """Forget the copy in host memory, and the state with it if there is no other."""
        if state in self._in_ram:
            del self._in_ram[state]
            self._count_ram(state, -1)
        state.data = None
        if state.file_name is None:
            self._leave(state)

    def remove(self, state: SavedState) -> None:
        """Forget a state wherever it is; harmless when that has happened."""
        state_file, state.file_name = state.file_name, None
        self.drop_data(state)
        state.file_name = state_file

    def _replaced_by(self, state: SavedState) -> list[SavedState]:
        """Those that the state makes useless.

        Its own prefixes, if it can be cut to them; and what the same conversation left behind where it goes on in
        another way, if they have half of that in common.
        """
        replaced = dict.fromkeys(self._index.prefixes_of(state) if self._can_trim else ())
        if state.cache_hint:
            for other in self._by_hint.get((state.scope, state.cache_hint), ()):
                if 2 * common_prefix_length(state.tokens, other.tokens) >= len(other.tokens):
                    replaced[other] = None
        return list(replaced)

    def _make_room(self) -> None:
        while self._stats.num_ram_bytes > self._max_bytes:
            least = min(self._in_ram, key=lambda state: state.worth)
            self._stats.num_ram_evictions += 1
            self.drop_data(least)

    def _enter(self, state: SavedState) -> None:
        self.states[state] = None
        self._index.add(state)
        if state.cache_hint:
            self._by_hint.setdefault((state.scope, state.cache_hint), {})[state] = None

    def _leave(self, state: SavedState) -> None:
        if state not in self.states:
            return
        del self.states[state]
        self._index.remove(state)
        if state.cache_hint:
            of_hint = self._by_hint[state.scope, state.cache_hint]
            del of_hint[state]
            if not of_hint:
                del self._by_hint[state.scope, state.cache_hint]

    def _count_ram(self, state: SavedState, sign: int) -> None:
        self._stats.num_ram_bytes += sign * state.num_bytes
        self._stats.num_ram_tokens += sign * len(state.tokens)
