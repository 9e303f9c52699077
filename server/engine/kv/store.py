"""The states that were taken out of slots, in host memory and on disk, and which of them leaves host memory first.

A state is found again by its scope and its tokens. This module does not know slots, threads or the meaning of the
bytes; files are names to it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

from server.engine.kv.cache import State
from server.engine.kv.prefix_index import PrefixIndex, common_prefix_length
from server.engine.kv.stats import KVStats
from server.protocol.values import CachePolicy

KEPT_LONGER_SECONDS = 600.0
"""Seconds that are added to the time of last use for a state that a client will come back for."""


@dataclass(eq=False)
class SavedState:
    """State of a slot that held `tokens`, in host memory, on disk or both. Compared by identity."""

    scope: str
    tokens: array[int]
    num_bytes: int
    policy: CachePolicy = field(default_factory=CachePolicy)
    last_used: float = 0.0
    """Time of last use in seconds on the store's clock."""
    data: State | None = None
    """The bytes; None when they are not in host memory."""
    file_name: str | None = None
    """Name of the file; None when the state is not on disk."""

    @property
    def worth(self) -> float:
        """Rank among states in host memory, in seconds: the least leaves first."""
        return self.last_used + (KEPT_LONGER_SECONDS if self.policy.is_kept_longer else 0.0)


class StateStore:
    """Holds up to `max_bytes` of states in host memory, and knows which states are on disk."""

    def __init__(self, max_bytes: int, can_trim: bool, stats: KVStats, clock: Callable[[], float]) -> None:
        self._max_bytes = max_bytes
        self._can_trim = can_trim
        self._stats = stats
        self._clock = clock
        self._index: PrefixIndex[SavedState] = PrefixIndex(is_whole_only=not can_trim)
        self._disk_index: PrefixIndex[SavedState] = PrefixIndex(is_whole_only=not can_trim)
        """States with a file, and states that are being written."""
        self._by_conversation: dict[tuple[str, str], dict[SavedState, None]] = {}
        self._by_file: dict[str, SavedState] = {}
        self._in_ram: dict[SavedState, None] = {}
        self.states: dict[SavedState, None] = {}
        """All states, in host memory or on disk."""

    def find(
        self, tokens: array[int], scope: str, accepts: Callable[[SavedState], bool] = lambda state: True
    ) -> tuple[SavedState, int] | None:
        """The state with the longest usable prefix of `tokens`, and the length of that prefix."""
        return self._index.find(tokens, scope, accepts)

    def add(self, state: SavedState) -> None:
        """Take a state into host memory if there is room for it, and drop the states there that it replaces."""
        state.last_used = self._clock()
        for other in self.replaced_by(state):
            self.drop_data(other)
        if state.num_bytes > self._max_bytes:
            state.data = None
            return
        self._enter(state)
        self._in_ram[state] = None
        self._count_ram(state, 1)
        self._make_room()

    def touch(self, state: SavedState) -> None:
        """Note that the state was used just now."""
        state.last_used = self._clock()

    def drop_data(self, state: SavedState) -> None:
        """Drop the copy in host memory, and the state with it if there is no file."""
        if state in self._in_ram:
            del self._in_ram[state]
            self._count_ram(state, -1)
        state.data = None
        if state.file_name is None:
            self._leave(state)

    def forget(self, state: SavedState) -> None:
        """Drop a state that turned out to be of no use; a file that it has is left alone."""
        if state.file_name is not None:
            self.note_removed(state.file_name)
        self.drop_data(state)

    def replaced_by(self, state: SavedState) -> list[SavedState]:
        """The states that this one makes useless.

        These are its own prefixes, if a state can be cut. Also states of its conversation that share at least half of
        their own tokens with it: the conversation has moved on.
        """
        replaced = dict.fromkeys(self._index.prefixes_of(state) if self._can_trim else ())
        for other in self._by_conversation.get((state.scope, state.policy.conversation), ()):
            if other is not state and 2 * common_prefix_length(state.tokens, other.tokens) >= len(other.tokens):
                replaced[other] = None
        return list(replaced)

    # --- files ------------------------------------------------------------------------------------------------------

    def num_on_disk(self, tokens: array[int], scope: str) -> int:
        """Number of leading tokens that are in a file, or soon will be."""
        found = self._disk_index.find(tokens, scope)
        return found[1] if found else 0

    def note_writing(self, state: SavedState) -> None:
        """Note that the state is about to be written; `note_written` or `note_not_written` follows."""
        self._disk_index.add(state)

    def note_not_written(self, state: SavedState) -> None:
        self._disk_index.remove(state)

    def note_written(self, state: SavedState, file_name: str) -> None:
        """Note that the state has a file. From now on it is known even if host memory has let it go."""
        if file_name in self._by_file:
            self.note_removed(file_name)  # these tokens were written before
        state.file_name = file_name
        self._by_file[file_name] = state
        self._stats.num_disk_tokens += len(state.tokens)
        if state not in self.states:
            self._enter(state)

    def note_removed(self, file_name: str) -> None:
        """Note that the file is gone, and with it the state unless host memory has it. An unknown name is ignored."""
        state = self._by_file.pop(file_name, None)
        if state is None:
            return
        state.file_name = None
        self._disk_index.remove(state)
        self._stats.num_disk_tokens -= len(state.tokens)
        if state.data is None:
            self._leave(state)

    def load(self, state: SavedState) -> None:
        """Take in a state that was found on disk."""
        assert state.file_name is not None
        self.note_writing(state)
        self.note_written(state, state.file_name)

    # --- details ----------------------------------------------------------------------------------------------------

    def _make_room(self) -> None:
        while self._stats.num_ram_bytes > self._max_bytes:
            least = min(self._in_ram, key=lambda state: state.worth)
            self._stats.num_ram_evictions += 1
            self.drop_data(least)

    def _enter(self, state: SavedState) -> None:
        self.states[state] = None
        self._index.add(state)
        if state.policy.conversation:
            self._by_conversation.setdefault((state.scope, state.policy.conversation), {})[state] = None

    def _leave(self, state: SavedState) -> None:
        if state not in self.states:
            return
        del self.states[state]
        self._index.remove(state)
        if state.policy.conversation:
            of_conversation = self._by_conversation[state.scope, state.policy.conversation]
            del of_conversation[state]
            if not of_conversation:
                del self._by_conversation[state.scope, state.policy.conversation]

    def _count_ram(self, state: SavedState, sign: int) -> None:
        self._stats.num_ram_bytes += sign * state.num_bytes
        self._stats.num_ram_tokens += sign * len(state.tokens)
