"""Who gets a slot and a part of each step, with a scripted model."""

from __future__ import annotations

from typing import Any

import pytest

from server.engine.scheduling.chunking import FEW_CHUNK_ROWS, Chunk, Chunking
from server.engine.scheduling.places import QueueFull
from server.protocol.messages import Finished
from server.protocol.values import QueueKey
from tests.engine.driving import finishes, letters, make_engine, make_engine_that_copies, make_request, run, text_of
from tests.engine.fakes import FakeRunner


def test_it_is_crowded_while_more_wait_than_there_are_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    crowded: list[bool] = []
    really = Chunking.cut

    def cut(self: Chunking, prefilling: list[Any], num_decoding: int, is_crowded: bool) -> list[Chunk]:
        crowded.append(is_crowded)
        return really(self, prefilling, num_decoding, is_crowded)

    monkeypatch.setattr(Chunking, "cut", cut)
    engine = make_engine(FakeRunner(num_slots=2))
    for number in range(6):
        engine.submit(make_request(letters("abc"), number))
    run(engine)
    assert crowded == [True, False, False]


def test_running_sequences_share_every_step() -> None:
    runner = FakeRunner(num_slots=3)
    engine = make_engine(runner)
    for request_id, text in enumerate(["a", "k", "u"]):
        engine.submit(make_request(letters(text), request_id, max_tokens=3))
    events = run(engine)
    assert [text_of(events, request_id) for request_id in range(3)] == ["bcd", "lmn", "vwx"]
    assert [len(step) for step in runner.steps] == [3, 3, 3]


def test_a_long_prompt_is_computed_in_chunks_beside_running_sequences() -> None:
    runner = FakeRunner(num_slots=2, n_ctx=200)
    engine = make_engine(runner)
    engine.submit(make_request(letters("a"), 1, max_tokens=30))
    engine.step()
    engine.submit(make_request([50] * 150, 2, max_tokens=1))
    run(engine)
    prefill_steps = [step for step in runner.steps if any(len(tokens) > 1 for _, tokens in step)]
    assert len(prefill_steps) >= 150 / runner.max_step_tokens
    assert all(len(step) == 2 for step in prefill_steps)


def test_a_short_prompt_does_not_wait_for_a_long_one() -> None:
    runner = FakeRunner(num_slots=2, n_ctx=2000)
    engine = make_engine(runner)
    engine.submit(make_request([50] * 1500, 1, max_tokens=1))
    engine.step()
    engine.submit(make_request([60] * 20, 2, max_tokens=1))
    order = [event.request_id for event in run(engine) if isinstance(event, Finished)]
    assert order == [2, 1]


def test_the_first_prompt_gets_on_however_many_shorter_ones_come() -> None:
    runner = FakeRunner(num_slots=2, n_ctx=400)
    engine = make_engine(runner)
    engine.submit(make_request([50] * 300, 1, max_tokens=1))
    engine.step()
    finished: list[int] = []
    for number in range(2, 42):  # another short one as soon as there is a slot
        engine.submit(make_request([60 + number] * 31, number, max_tokens=1))
        finished += [event.request_id for _, event in engine.step() if isinstance(event, Finished)]
    assert 1 in finished


def test_prompts_are_cut_into_whole_rows_of_the_kernels() -> None:
    runner = FakeRunner(num_slots=2, n_ctx=400)
    engine = make_engine(runner)
    engine.submit(make_request(letters("a"), 1, max_tokens=30))
    engine.step()
    engine.submit(make_request([50] * 150, 2, max_tokens=1))
    run(engine)
    lengths = [len(tokens) for step in runner.steps for _, tokens in step if len(tokens) > 1]
    assert sum(lengths) == 150
    assert all(length % FEW_CHUNK_ROWS == 0 for length in lengths[:-1])


def test_the_choices_of_a_request_compute_its_prompt_once() -> None:
    runner = FakeRunner(num_slots=3, n_ctx=400)
    engine = make_engine_that_copies(runner)
    prompt = [ord("a") + i % 26 for i in range(300)]
    engine.submit(make_request(prompt, max_tokens=2, num_choices=3))
    events = run(engine)
    assert [event.num_cached_tokens for event in finishes(events).values()] == [0, 299, 299]
    assert {text_of(events, choice=choice) for choice in range(3)} == {text_of(events)}
    assert runner.num_computed_tokens < 300 + 3 * 3


def test_prompts_that_arrive_together_share_their_prefix() -> None:
    runner = FakeRunner(num_slots=4, n_ctx=400)
    engine = make_engine_that_copies(runner)
    shared = [ord("a") + i % 26 for i in range(200)]
    for request_id in range(4):
        engine.submit(make_request([*shared, 70 + request_id], request_id, max_tokens=2))
    events = run(engine)
    assert sum(event.num_cached_tokens for event in finishes(events).values()) == 3 * 200
    assert runner.num_computed_tokens < 220


def test_more_choices_than_slots_wait_for_room() -> None:
    engine = make_engine(FakeRunner(num_slots=2))
    engine.submit(make_request(letters("abc"), max_tokens=3, num_choices=5))
    assert len(finishes(run(engine))) == 5


def test_queues_are_served_in_rotation() -> None:
    engine = make_engine(FakeRunner(num_slots=1))
    for request_id in range(4):
        engine.submit(make_request(letters("a"), request_id, queue_key=QueueKey("busy")))
    engine.submit(make_request(letters("a"), 10, queue_key=QueueKey("patient")))
    order = [event.request_id for event in run(engine) if isinstance(event, Finished)]
    assert order.index(10) <= 1


def test_the_queue_is_bounded_in_requests_and_in_tokens() -> None:
    engine = make_engine(FakeRunner(num_slots=1), max_waiting_requests=2, max_waiting_tokens=100)
    engine.submit(make_request([1], 0))
    engine.step()
    engine.submit(make_request([1] * 60, 1))
    with pytest.raises(QueueFull) as full:
        engine.submit(make_request([1] * 41, 2))
    assert full.value.limit == 100
    engine.submit(make_request([1] * 40, 3))
    with pytest.raises(QueueFull) as full:
        engine.submit(make_request([1], 4))
    assert full.value.limit == 2
    assert len(finishes(run(engine))) == 3


def test_requests_that_find_a_free_slot_do_not_count_as_waiting() -> None:
    engine = make_engine(FakeRunner(num_slots=3), max_waiting_requests=2)
    for request_id in range(5):
        engine.submit(make_request([1], request_id))
    with pytest.raises(QueueFull):
        engine.submit(make_request([1], 5))
    assert len(finishes(run(engine))) == 5


def test_an_empty_queue_takes_a_prompt_of_any_length() -> None:
    engine = make_engine(FakeRunner(n_ctx=64), max_waiting_tokens=10)
    engine.submit(make_request([1] * 50))
    assert finishes(run(engine))[1, 0].finish_reason == "length"
