"""Busy slots are brought side by side where gaps cost passes, and nothing is lost on the way."""

from __future__ import annotations

from typing import Any

import pytest

from server.engine.cost.pass_cost import PassCost
from server.engine.engine import Engine
from server.engine.kv.cache import KVCache, Slot
from server.engine.scheduling.slot_order import RECONSIDERED_STEPS, SlotOrder
from server.protocol.messages import Delta
from tests.engine.driving import finishes, letters, make_engine, make_request, run, text_of
from tests.engine.fakes import FakeMemory, FakeRunner


def arranged(busy: set[int], num_slots: int = 8, num_tokens: int = 3) -> tuple[KVCache, FakeMemory]:
    memory = FakeMemory(num_slots)
    kv_cache = KVCache(memory, num_slots)
    for slot in kv_cache.slots:
        slot.tokens = [slot.index] * num_tokens
        memory.slots[slot.index] = list(slot.tokens)
        slot.is_busy = slot.index in busy
    return kv_cache, memory


def order_of(kv_cache: KVCache, seconds: list[float], seconds_per_exchange: float = 0.0) -> SlotOrder:
    """Costs of a machine on which passes of 1, 2, ... rows take the given seconds."""
    cost, now = PassCost(), [0.0]
    for num_rows, of_pass in enumerate(seconds, start=1):
        cost.learn([num_rows], of_pass)

    def clock() -> float:
        now[0] += seconds_per_exchange
        return now[0]

    return SlotOrder(kv_cache, cost, clock)


def busy_slots(kv_cache: KVCache) -> list[Slot]:
    return [slot for slot in kv_cache.slots if slot.is_busy]


def busy_indices(kv_cache: KVCache) -> list[int]:
    return sorted(slot.index for slot in kv_cache.slots if slot.is_busy)


FLAT = [0.010, 0.011, 0.012, 0.013, 0.014, 0.015, 0.016]
STEEP = [0.010, 0.020, 0.030, 0.040, 0.050, 0.060, 0.070]


@pytest.mark.parametrize("busy", [{0, 2}, {0, 1, 7}, {1, 3, 5, 7}, {0, 7}, {0, 1, 2, 4, 5, 7}])
def test_gaps_are_closed(busy: set[int]) -> None:
    kv_cache, memory = arranged(busy)
    order = order_of(kv_cache, FLAT)
    for _ in busy:
        order.close_gaps(busy_slots(kv_cache))
    indices = busy_indices(kv_cache)
    assert indices[-1] - indices[0] + 1 == len(busy)
    for number, slot in enumerate(kv_cache.slots):
        assert slot.tokens == memory.slots[slot.index] == [number] * 3


def test_gaps_stay_where_passes_cost_what_their_rows_cost() -> None:
    kv_cache, memory = arranged({0, 2, 5})
    order_of(kv_cache, STEEP).close_gaps(busy_slots(kv_cache))
    assert busy_indices(kv_cache) == [0, 2, 5]
    assert memory.num_saves == 0


def test_gaps_stay_while_nothing_is_known() -> None:
    kv_cache, _ = arranged({0, 2})
    SlotOrder(kv_cache, PassCost()).close_gaps(busy_slots(kv_cache))
    assert busy_indices(kv_cache) == [0, 2]


def test_long_contexts_are_not_moved_for_a_small_gain() -> None:
    kv_cache, _ = arranged({0, 2}, num_tokens=3000)
    order_of(kv_cache, FLAT).close_gaps(busy_slots(kv_cache))
    assert busy_indices(kv_cache) == [0, 2]


def test_what_an_exchange_takes_is_learned() -> None:
    kv_cache, _ = arranged({0, 2, 4, 6})
    order = order_of(kv_cache, FLAT, seconds_per_exchange=100.0)
    order.close_gaps(busy_slots(kv_cache))
    order.close_gaps(busy_slots(kv_cache))
    assert len({*busy_indices(kv_cache)} - {0, 2, 4, 6}) == 1, "the second one was not worth it"


def test_the_same_gap_is_looked_at_again_later() -> None:
    kv_cache, _ = arranged({0, 2})
    cost = PassCost()
    order = SlotOrder(kv_cache, cost, clock=lambda: 0.0)
    order.close_gaps(busy_slots(kv_cache))
    for num_rows in (1, 2):
        cost.learn([num_rows], 0.01)
    for _ in range(RECONSIDERED_STEPS):
        order.close_gaps(busy_slots(kv_cache))
    assert busy_indices(kv_cache) == [0, 1]


def with_a_gap(runner: FakeRunner, prompts: str | list[str], engine: Engine | None = None, **options: Any) -> Engine:
    """An engine after a step with a request for every prompt, of which the second is cancelled; they are numbered from
    0 on."""
    engine = engine or make_engine(runner)
    requests = [make_request(letters(text), number, max_tokens=40, **options) for number, text in enumerate(prompts)]
    for request in requests:
        engine.submit(request)
    engine.step()
    engine.cancel(requests[1])
    return engine


def test_a_prompt_leaves_no_gap_between_those_that_generate() -> None:
    runner = FakeRunner(num_slots=4, n_ctx=100)
    engine = with_a_gap(runner, "agmt")
    for num_rows in (1, 2, 3):
        engine._step_cost.passes.learn([num_rows], 100.0)
    engine.submit(make_request(letters("xyz"), 4, max_tokens=40))
    engine.step()
    (_, prompt), *generating = sorted(runner.steps[-1], key=lambda span: -len(span[1]))
    assert prompt == letters("xyz")
    slots = sorted(slot for slot, _ in generating)
    assert slots == list(range(slots[0], slots[0] + 3))
    events = run(engine)
    assert {request_id for request_id, _ in finishes(events)} == {0, 2, 3, 4}
    assert text_of(events, 2).startswith("pqrs"), "n and o came before"


def test_a_state_that_cannot_be_restored_is_computed_again() -> None:
    runner = FakeRunner(num_slots=3, n_ctx=100)
    engine = with_a_gap(runner, "akq")
    runner.memory.can_restore = False
    cost = engine._step_cost.passes
    for num_rows in (1, 2):
        cost.learn([num_rows], 100.0)
    events = run(engine)
    assert runner.memory.num_restores > 0
    assert engine.stats(1).counters["preemptions"] == 1
    assert len(finishes(events)) == 2
    assert [len(text_of(events, request_id)) for request_id in (0, 2)] == [39, 39]


def test_guesses_wait_until_a_lost_state_has_been_computed_again() -> None:
    runner = FakeRunner(num_slots=3, n_ctx=100, script=lambda tokens: ord("a") + (tokens[-1] + 1 - ord("a")) % 4)
    engine = Engine(runner, 1000, 10**6, 250, max_draft_tokens=7)
    with_a_gap(runner, ["abcdabcdabcd", "abcd", "bcdabcdabcda"], engine)
    runner.memory.can_restore = False
    for num_rows in range(1, 17):
        engine._step_cost.passes.learn([num_rows], 100.0)
    events = run(engine)
    stats = engine.stats(1)
    assert stats.counters["preemptions"] == 1
    assert stats.counters["accepted_tokens"] > 0
    assert text_of(events, 0) == ("abcd" * 10)[1:], "its first token came before"
    assert text_of(events, 2) == ("bcda" * 10)[1:]


def test_the_logprobs_of_a_prompt_are_said_once_even_if_it_is_computed_twice() -> None:
    runner = FakeRunner(num_slots=3, n_ctx=100)
    engine = with_a_gap(runner, ["abcdef", "k", "qrstuv"], wants_prompt_logprobs=True, num_top_logprobs=0)
    runner.memory.can_restore = False
    for num_rows in (1, 2):
        engine._step_cost.passes.learn([num_rows], 100.0)
    events = run(engine)
    assert engine.stats(1).counters["preemptions"] == 1
    said = [len(event.logprobs or ()) for event in events if isinstance(event, Delta)]
    assert sum(said) == 2 * 39, "those of the prompts and first tokens came before"
