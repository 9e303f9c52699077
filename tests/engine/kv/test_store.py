"""The states that host memory keeps of those it is given, and which one leaves first."""

from __future__ import annotations

from array import array
from itertools import count

import numpy as np

from server.engine.kv.stats import KVStats
from server.engine.kv.store import KEPT_LONGER_SECONDS, SavedState, StateStore
from server.protocol.values import CachePolicy

SIZE = 1000


class Shelf:
    """A store for three states of the usual size, with a clock that is set by hand."""

    def __init__(self, can_trim: bool = True) -> None:
        self.now = 0.0
        self.stats = KVStats()
        self.store = StateStore(3 * SIZE, can_trim, self.stats, lambda: self.now)

    def add(self, *pieces: tuple[int, int], size: int = SIZE, scope: str = "", conversation: str = "") -> SavedState:
        """A state of tokens that are given as pieces of (token, how often)."""
        self.now += 1
        state = SavedState(
            scope, tokens_of(*pieces), size, CachePolicy(conversation=conversation), data=np.zeros(size, dtype=np.uint8)
        )
        self.store.add(state)
        return state

    def has(self, state: SavedState) -> bool:
        found = self.store.find(state.tokens, state.scope)
        assert (state.data is not None) == (state in self.store.states)
        return found is not None and found[0] is state


def tokens_of(*pieces: tuple[int, int]) -> array[int]:
    return array("i", [token for token, length in pieces for _ in range(length)])


def test_the_least_recently_used_leaves_when_the_bytes_are_spent() -> None:
    shelf = Shelf()
    first, second, third = (shelf.add((token, 100)) for token in (1, 2, 3))
    shelf.now += 1
    shelf.store.touch(first)
    fourth = shelf.add((4, 100))
    assert [shelf.has(state) for state in (first, second, third, fourth)] == [True, False, True, True]
    assert (shelf.stats.num_ram_bytes, shelf.stats.num_ram_tokens, shelf.stats.num_ram_evictions) == (3 * SIZE, 300, 1)


def test_the_budget_is_kept_to_the_byte() -> None:
    shelf = Shelf()
    shelf.add((1, 100), size=3 * SIZE)
    assert shelf.stats.num_ram_bytes == 3 * SIZE
    small = shelf.add((2, 100), size=1)
    assert (shelf.stats.num_ram_bytes, shelf.has(small)) == (1, True)


def test_a_state_that_is_larger_than_all_the_room_pushes_nobody_out() -> None:
    shelf = Shelf()
    kept, huge = shelf.add((1, 100)), shelf.add((2, 100), size=3 * SIZE + 1)
    assert (shelf.has(kept), shelf.has(huge)) == (True, False)


def test_a_longer_state_replaces_its_own_prefix() -> None:
    shelf = Shelf()
    turn, fork = shelf.add((1, 100)), shelf.add((1, 70), (5, 100))
    longer = shelf.add((1, 200))
    assert [shelf.has(state) for state in (turn, fork, longer)] == [False, True, True]


def test_a_prefix_stays_where_states_cannot_be_cut() -> None:
    shelf = Shelf(can_trim=False)
    turn, longer = shelf.add((1, 100)), shelf.add((1, 200))
    assert (shelf.has(turn), shelf.has(longer)) == (True, True)


def test_scopes_do_not_replace_each_others_states() -> None:
    shelf = Shelf()
    mine, theirs = shelf.add((1, 100), scope="me"), shelf.add((1, 200), scope="them")
    assert (shelf.has(mine), shelf.has(theirs)) == (True, True)


def test_a_conversation_outlasts_other_prompts_for_some_minutes() -> None:
    shelf = Shelf()
    kept, plain = shelf.add((1, 100), conversation="a"), shelf.add((2, 100))
    shelf.add((3, 100))
    shelf.add((4, 100))
    assert (shelf.has(kept), shelf.has(plain)) == (True, False)
    shelf.now += KEPT_LONGER_SECONDS
    for token in (5, 6, 7):
        shelf.add((token, 100))
    assert not shelf.has(kept)


def test_a_conversation_that_goes_on_in_another_way_replaces_its_old_state() -> None:
    shelf = Shelf()
    old = shelf.add((1, 100), (2, 90), conversation="a")
    other = shelf.add((1, 100), (3, 90), conversation="b")
    new = shelf.add((1, 100), (4, 500), conversation="a")
    assert [shelf.has(state) for state in (old, other, new)] == [False, True, True]


def test_random_traffic_leaves_the_accounts_true() -> None:
    shelf, numbers = Shelf(), count()
    generator = np.random.default_rng(1)
    for _ in range(300):
        pieces = [(int(token), 50) for token in generator.integers(0, 3, size=4)]
        state = shelf.add(*pieces, size=int(generator.integers(1, 2 * SIZE)), conversation=str(next(numbers) % 3 or ""))
        if generator.random() < 0.3:
            shelf.store.drop_data(state)
        held = [state for state in shelf.store.states if state.data is not None]
        assert shelf.stats.num_ram_bytes == sum(state.num_bytes for state in held) <= 3 * SIZE
        assert shelf.stats.num_ram_tokens == sum(len(state.tokens) for state in held)
