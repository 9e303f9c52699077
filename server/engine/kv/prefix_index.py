"""Finds, among many runs of tokens, the one that shares the longest prefix with a prompt.

Looks a prompt up by the hashes of its prefixes, a block of tokens at a time. So the cost depends on the prompt's length
and not on the number of runs. It does not know what the runs stand for.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Generic, Protocol, TypeVar

BLOCK_TOKENS = 32
"""Tokens of a block; common prefixes shorter than that are not found."""

MAX_COMPARED = 8
"""Most runs with equal blocks that are compared token by token; they differ by less than a block."""


def common_prefix_length(left: Sequence[int], right: Sequence[int]) -> int:
    """Number of leading tokens that two sequences of one type share. Comparing slices keeps the loop in C."""
    low, high = 0, min(len(left), len(right))
    if left[:high] == right[:high]:
        return high
    while low + 1 < high:  # left[:low] == right[:low] and left[:high] != right[:high]
        middle = (low + high) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle
    return low


class HasTokens(Protocol):
    """A run that can be indexed. It is compared by identity, and its tokens never change."""

    @property
    def scope(self) -> str: ...
    @property
    def tokens(self) -> array[int]: ...


Run = TypeVar("Run", bound=HasTokens)

_Key = tuple[str, int]
"""Scope, and the hash of a prefix."""


class PrefixIndex(Generic[Run]):
    """Runs of tokens by their prefixes. With `is_whole_only`, a run is found only if the prompt begins with all of
    it."""

    def __init__(self, is_whole_only: bool) -> None:
        self._is_whole_only = is_whole_only
        self._by_prefix: dict[_Key, dict[Run, None]] = {}
        """Runs under each of their prefixes of whole blocks."""
        self._by_last_prefix: dict[_Key, dict[Run, None]] = {}
        """Runs under the longest of these prefixes only."""

    def add(self, run: Run) -> None:
        keys = _keys(run.tokens, run.scope)
        for key in keys:
            self._by_prefix.setdefault(key, {})[run] = None
        for key in keys[-1:]:
            self._by_last_prefix.setdefault(key, {})[run] = None

    def remove(self, run: Run) -> None:
        keys = _keys(run.tokens, run.scope)
        for key in keys:
            _discard(self._by_prefix, key, run)
        for key in keys[-1:]:
            _discard(self._by_last_prefix, key, run)

    def find(
        self, tokens: array[int], scope: str, accepts: Callable[[Run], bool] = lambda run: True
    ) -> tuple[Run, int] | None:
        """The run of that scope which shares most with `tokens`, and how many they share; None for less than a
        block."""
        runs_by_key = self._by_last_prefix if self._is_whole_only else self._by_prefix
        for key in reversed(_keys(tokens, scope)):
            candidates = islice(filter(accepts, reversed(runs_by_key.get(key, {}))), MAX_COMPARED)
            lengths = [(run, common_prefix_length(tokens, run.tokens)) for run in candidates]
            usable = [pair for pair in lengths if pair[1] >= self._least_length(pair[0])]
            if usable:
                return max(usable, key=lambda pair: pair[1])
        return None

    def prefixes_of(self, run: Run) -> list[Run]:
        """The other runs that are prefixes of `run`, except for less than a block at their ends."""
        keys = _keys(run.tokens, run.scope)
        return [other for key in keys for other in self._by_last_prefix.get(key, ()) if other is not run]

    def _least_length(self, run: Run) -> int:
        return len(run.tokens) if self._is_whole_only else BLOCK_TOKENS


def _keys(tokens: array[int], scope: str) -> list[_Key]:
    return [(scope, prefix_hash) for prefix_hash in _prefix_hashes(tokens)]


def _discard(runs_by_key: dict[_Key, dict[Run, None]], key: _Key, run: Run) -> None:
    runs = runs_by_key[key]
    del runs[run]
    if not runs:
        del runs_by_key[key]


def _prefix_hashes(tokens: array[int]) -> Iterator[int]:
    """A hash of every prefix that ends with a whole block, the shortest first."""
    prefix_hash = 0
    for end in range(BLOCK_TOKENS, len(tokens) + 1, BLOCK_TOKENS):
        prefix_hash = hash((prefix_hash, tokens[end - BLOCK_TOKENS : end].tobytes()))
        yield prefix_hash
