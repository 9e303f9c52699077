"""Which slot a prompt goes to, and what it reuses there."""

from __future__ import annotations

from server.engine.kv.cache import KVCache, Slot
from server.engine.kv.prefix_cache import MIN_COPIED_TOKENS, PrefixCache
from server.engine.kv.tiers import MIN_SAVED_TOKENS, Tiers
from tests.engine.fakes import FakeMemory

LONG = list(range(1, 4 * MIN_SAVED_TOKENS + 1))


def cache_with(*contents: list[int], can_trim: bool = True) -> tuple[PrefixCache, KVCache, FakeMemory]:
    """A cache whose slots hold `contents`, the first used longest ago."""
    memory = FakeMemory(len(contents), can_trim)
    kv_cache = KVCache(memory, len(contents))
    for slot, tokens in zip(kv_cache.slots, contents, strict=True):
        slot.tokens, memory.slots[slot.index] = list(tokens), list(tokens)
        slot.last_used = slot.index
    return PrefixCache(kv_cache, Tiers(kv_cache)), kv_cache, memory


def place(prefix_cache: PrefixCache, prompt: list[int], scope: str = "") -> tuple[Slot, int]:
    placement = prefix_cache.place(prompt, scope)
    assert placement is not None
    return placement.slot, prefix_cache.apply(placement, scope)


def test_the_next_turn_goes_where_the_conversation_lies() -> None:
    prefix_cache, _, _ = cache_with([9, 9], LONG, [])
    slot, num_cached = place(prefix_cache, [*LONG, 7])
    assert (slot.index, num_cached) == (1, len(LONG))


def test_the_last_token_is_always_computed() -> None:
    prefix_cache, kv_cache, _ = cache_with(LONG)
    _, num_cached = place(prefix_cache, LONG)
    assert num_cached == len(LONG) - 1
    kv_cache.check()


def test_a_prefix_of_a_busy_slot_is_copied() -> None:
    prefix_cache, kv_cache, memory = cache_with(LONG, [])
    kv_cache.slots[0].is_busy = True
    slot, num_cached = place(prefix_cache, [*LONG[:-5], 7])
    assert (slot.index, num_cached, memory.num_restores) == (1, len(LONG) - 5, 1)
    kv_cache.check()


def test_what_several_copy_in_a_step_is_saved_once() -> None:
    prefix_cache, kv_cache, memory = cache_with([], LONG, [], [])
    kv_cache.slots[1].is_busy = True
    for number in range(3):
        slot, num_cached = place(prefix_cache, [*LONG[:-5], 7, number])
        assert num_cached == len(LONG) - 5
        slot.is_busy = True
    assert (memory.num_saves, memory.num_restores) == (1, 3)
    kv_cache.check()


def test_another_conversation_is_not_overwritten_for_a_short_common_prefix() -> None:
    conversation = [*LONG, *LONG]
    prefix_cache, kv_cache, _ = cache_with(conversation, [])
    slot, num_cached = place(prefix_cache, [*LONG[:MIN_COPIED_TOKENS], 7])
    assert (slot.index, num_cached) == (1, MIN_COPIED_TOKENS)
    assert kv_cache.slots[0].tokens == conversation


def test_a_short_prefix_is_computed_again_rather_than_copied() -> None:
    prefix_cache, kv_cache, memory = cache_with(LONG, [])
    kv_cache.slots[0].is_busy = True
    assert place(prefix_cache, [*LONG[: MIN_COPIED_TOKENS - 1], 7])[1] == 0
    assert memory.num_restores == 0


def test_the_slot_unused_longest_makes_room() -> None:
    prefix_cache, _, _ = cache_with([1, 2], [3, 4], [5, 6])
    assert place(prefix_cache, [200, 201])[0].index == 0


def test_other_scopes_are_invisible() -> None:
    prefix_cache, _, _ = cache_with(LONG)
    assert place(prefix_cache, [*LONG, 7], scope="somebody else")[1] == 0


def test_without_a_free_slot_there_is_no_place() -> None:
    prefix_cache, kv_cache, _ = cache_with([])
    kv_cache.slots[0].is_busy = True
    assert prefix_cache.place([1], "") is None


def test_a_memory_that_cannot_trim_extends_or_starts_again() -> None:
    prefix_cache, kv_cache, _ = cache_with(LONG, can_trim=False)
    assert place(prefix_cache, [*LONG, 7])[1] == len(LONG)
    assert place(prefix_cache, [*LONG[:-3], 7])[1] == 0
    kv_cache.check()


def test_a_copy_that_takes_longer_than_computing_is_not_made() -> None:
    memory = FakeMemory(2)
    kv_cache = KVCache(memory, 2)
    kv_cache.slots[0].tokens, kv_cache.slots[0].is_busy = list(LONG), True
    memory.slots[0] = list(LONG)
    seconds_per_token: list[float | None] = [None]
    prefix_cache = PrefixCache(kv_cache, Tiers(kv_cache, seconds_per_token=lambda: seconds_per_token[0]))
    assert place(prefix_cache, [*LONG, 7])[1] == len(LONG)
    seconds_per_token[0] = 1e-12
    assert place(prefix_cache, [*LONG[:-1], 7, 8])[1] == len(LONG) - 1, "it lies in the slot already"
    kv_cache.clear(kv_cache.slots[1])
    assert place(prefix_cache, [*LONG, 7])[1] == 0
    seconds_per_token[0] = 1.0
    kv_cache.clear(kv_cache.slots[1])
    assert place(prefix_cache, [*LONG, 7])[1] == len(LONG)
