"""Conversations that outnumber the slots find their tokens again in host memory."""

from __future__ import annotations

from server.engine.kv.cache import KVCache
from server.engine.kv.prefix_cache import PrefixCache
from server.engine.kv.tiers import MIN_SAVED_TOKENS, Tiers
from server.protocol.values import CachePolicy
from tests.engine.fakes import FakeMemory

LENGTH = 2 * MIN_SAVED_TOKENS


class Lane:
    """Slots with host memory behind them, where one prompt after the other is computed."""

    def __init__(
        self, num_slots: int = 1, can_trim: bool = True, max_bytes: int = 1 << 20, min_worth_saving: int = 0
    ) -> None:
        self.memory = FakeMemory(num_slots, can_trim)
        self.kv_cache = KVCache(self.memory, num_slots)
        self.tiers = Tiers(self.kv_cache, max_bytes, is_worth_saving=lambda num_tokens: num_tokens >= min_worth_saving)
        self._cache = PrefixCache(self.kv_cache, self.tiers)
        self._step = 0

    def compute(self, prompt: list[int], scope: str = "") -> int:
        """Run a prompt to its end; returns how many of its tokens were cached."""
        placement = self._cache.place(prompt, scope)
        assert placement is not None
        num_cached = self._cache.apply(placement, scope)
        slot, rest = placement.slot, prompt[num_cached:]
        self.memory.slots[slot.index] += rest
        self.kv_cache.append(slot, rest)
        self._step += 1
        slot.last_used = self._step
        assert self.memory.slots[slot.index] == slot.tokens == prompt
        self.kv_cache.check()
        return num_cached


def talk(number: int, length: int = LENGTH) -> list[int]:
    """A conversation's first tokens."""
    return [1000 * number + index for index in range(length)]


def test_a_conversation_that_lost_its_slot_goes_on_where_it_was() -> None:
    lane = Lane(num_slots=2)
    for turn in range(3):
        for number in range(5):
            length = (turn + 1) * LENGTH
            assert lane.compute(talk(number, length)) == turn * LENGTH
    assert lane.tiers.stats.num_restores == 10
    assert lane.tiers.stats.num_failed_restores == 0


def test_what_a_slot_got_back_does_not_stay_in_host_memory() -> None:
    lane = Lane()
    lane.compute(talk(1))
    lane.compute(talk(2))
    lane.compute([*talk(1), 7])
    assert lane.tiers.stats.num_ram_tokens == LENGTH  # the other one's


def test_conversations_that_share_a_beginning_keep_their_own_tails() -> None:
    lane = Lane()
    shared = talk(0)
    lane.compute(shared + talk(1))
    lane.compute(shared + talk(2))
    assert lane.compute([*shared, *talk(1), 7]) == 2 * LENGTH


def test_an_empty_slot_is_taken_rather_than_a_tail_cut_off() -> None:
    lane = Lane(num_slots=2)
    shared = talk(0, 4 * LENGTH)
    lane.compute(shared + talk(1))
    assert lane.compute(shared + talk(2)) == len(shared)
    assert lane.kv_cache.slots[0].tokens == shared + talk(1)


def test_other_scopes_find_nothing() -> None:
    lane = Lane()
    lane.compute(talk(1), scope="ada")
    lane.compute(talk(2), scope="ada")
    assert lane.compute([*talk(1), 7], scope="eve") == 0
    assert lane.compute([*talk(1), 7], scope="ada") == LENGTH


def test_few_tokens_are_not_worth_saving() -> None:
    lane = Lane()
    lane.compute(talk(1, MIN_SAVED_TOKENS - 1))
    lane.compute(talk(2))
    assert lane.memory.num_saves == 0


def test_what_is_computed_again_sooner_is_not_saved_unless_it_was_asked_for() -> None:
    lane = Lane(min_worth_saving=LENGTH + 1)
    lane.compute(talk(1))
    lane.compute(talk(2, LENGTH + 1))
    assert lane.memory.num_saves == 0
    lane.compute(talk(3))
    assert lane.memory.num_saves == 1
    lane.kv_cache.slots[0].policy = CachePolicy(retention="24h")
    lane.compute(talk(4))
    assert lane.memory.num_saves == 2


def test_what_another_slot_or_host_memory_has_is_not_saved_again() -> None:
    lane = Lane(num_slots=2)
    lane.compute(talk(1))
    lane.compute(talk(1, 2 * LENGTH))
    lane.kv_cache.copy(lane.kv_cache.slots[0], lane.kv_cache.slots[1], 2 * LENGTH)
    num_saves = lane.memory.num_saves
    lane.tiers.keep(lane.kv_cache.slots[0], 0)
    assert lane.memory.num_saves == num_saves
    lane.kv_cache.clear(lane.kv_cache.slots[1])
    for _ in range(2):
        lane.tiers.keep(lane.kv_cache.slots[0], 0)
    assert lane.memory.num_saves == num_saves + 1


def test_without_room_nothing_is_saved() -> None:
    lane = Lane(max_bytes=0)
    lane.compute(talk(1))
    lane.compute(talk(2))
    assert (lane.memory.num_saves, lane.compute([*talk(1), 7])) == (0, 0)


def test_a_state_that_cannot_be_restored_is_forgotten_and_computed() -> None:
    lane = Lane()
    lane.compute(talk(1))
    lane.compute(talk(2))
    lane.memory.can_restore = False
    assert lane.compute([*talk(1), 7]) == 0
    assert lane.tiers.stats.num_failed_restores == 1
    lane.memory.can_restore = True
    lane.compute(talk(3))
    assert lane.compute([*talk(2), 7]) == LENGTH


def test_states_that_cannot_be_cut_are_used_whole_or_not_at_all() -> None:
    lane = Lane(can_trim=False)
    lane.compute(talk(1))
    lane.compute(talk(2))
    assert lane.compute(talk(1)[:-1]) == 0
    lane.compute(talk(2))
    assert lane.compute([*talk(1), 7]) == LENGTH
    lane.compute(talk(3))
    assert lane.compute([*talk(1), 8]) == LENGTH, "the shorter state is kept beside the longer one"
