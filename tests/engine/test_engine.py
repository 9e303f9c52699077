"""The engine's loop with a scripted model: what it computes, what it answers, and that nothing leaks."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.engine.cost.attention import Attention
from server.engine.cost.step_cost import StepCost
from server.engine.engine import Engine
from server.engine.runner import Span
from server.engine.sampling.candidates import Logits
from server.engine.scheduling.places import QueueFull
from server.engine.sequence import Request
from server.engine.speaker import Output
from server.protocol.messages import Delta, Event, Failed, Finished, Started
from tests.engine.driving import finishes, letters, make_engine, make_engine_that_copies, make_request, run, text_of
from tests.engine.fakes import FakeRunner


@pytest.mark.parametrize("is_on_gpu", [False, True])
def test_a_gpu_computes_the_next_pass_while_the_text_of_the_last_one_is_delivered(is_on_gpu: bool) -> None:
    order: list[str] = []

    class Runner(FakeRunner):
        def decode(self, spans: Sequence[Span]) -> list[int]:
            order.append("begin")
            return super().decode(spans)

        def logits(self, row: int) -> Logits:
            order.append("end")
            return super().logits(row)

    def deliver(outputs: list[Output]) -> None:
        order.append(f"[{text_of([event for _, event in outputs])}]")

    runner = Runner()
    runner.is_on_gpu = is_on_gpu
    engine = make_engine(runner)
    engine.submit(make_request(letters("abc"), max_tokens=3))
    while engine.has_work:
        order.append(text_of([event for _, event in engine.step(deliver)]))
    if is_on_gpu:
        assert order == ["begin", "[]", "end", "", "begin", "[d]", "end", "", "begin", "[e]", "end", "f"]
    else:
        assert order == ["begin", "end", "d", "begin", "end", "e", "begin", "end", "f"]


def test_each_choice_says_once_that_it_has_a_slot_and_what_was_cached() -> None:
    engine = make_engine(FakeRunner(num_slots=1))
    engine.submit(make_request(letters("abcdef"), 1))
    engine.submit(make_request(letters("abcdxy"), 2, num_choices=2))
    events = run(engine)
    told = {(event.request_id, event.choice): event for event in events if isinstance(event, Started)}
    firsts: dict[tuple[int, int], Event] = {}
    for event in events:
        if isinstance(event, (Started, Delta, Finished)):
            firsts.setdefault((event.request_id, event.choice), event)
    assert firsts == told
    assert [type(event) for event in events].count(Started) == len(told) == 3
    assert [told[key].num_cached_tokens for key in told] == [end.num_cached_tokens for end in finishes(events).values()]
    assert [event.num_cached_tokens for event in told.values()][:2] == [0, 4]
    waits = [event.queue_seconds for event in told.values()]
    assert waits == sorted(waits)


@pytest.fixture
def even_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every token of a prompt takes the engine ten microseconds, whatever else the machine does meanwhile."""
    really = StepCost.learn_prefill

    def learn(self: StepCost, num_decoding: int, num_passes: int, num_tokens: int, work: float, _: float) -> None:
        really(self, num_decoding, num_passes, num_tokens, work, 1e-5 * num_tokens)

    monkeypatch.setattr(StepCost, "learn_prefill", learn)


@pytest.mark.usefixtures("even_clock")
@pytest.mark.parametrize("is_on_gpu", [False, True])
def test_what_a_gpu_computes_again_in_no_time_is_not_saved(is_on_gpu: bool) -> None:
    runner = FakeRunner(num_slots=1, n_ctx=512)
    runner.is_on_gpu = is_on_gpu
    engine = Engine(runner, 1000, 10**6, 250, max_ram_bytes=1 << 20)
    for number in range(4):
        if number == 3:
            for _ in range(200):  # a model a thousand times as large, until the fast steps before are forgotten
                engine._step_cost.chunks.learn(1, 100, 100, 1.0)
        engine.submit(make_request([number + 1] * 300, number))
        run(engine)
    assert runner.memory.num_saves == (1 if is_on_gpu else 3)


def test_a_request_is_answered_token_by_token() -> None:
    engine = make_engine(FakeRunner())
    engine.submit(make_request(letters("abc"), max_tokens=4))
    events = run(engine)
    assert text_of(events) == "defg"
    assert finishes(events)[1, 0] == Finished(1, 0, "length", 4, 0)
    assert len([event for event in events if isinstance(event, Delta)]) == 4


def test_padding_leaves_no_trace() -> None:
    runner = FakeRunner(num_slots=1, n_ctx=200)
    runner.attention = Attention(tile=8, per_tiled_token=0.001, per_single_token=0.5)
    engine = make_engine(runner)
    engine.submit(make_request(letters("abcde"), max_tokens=4))
    assert text_of(run(engine)) == "fghi"
    assert [len(tokens) for step in runner.steps for _, tokens in step] == [8, 1, 1, 1]
    engine.submit(make_request(letters("abcdefghijklmn"), 2, max_tokens=1))
    assert finishes(run(engine))[2, 0].num_cached_tokens == 8, "what was computed, without the padding"


def test_a_refused_request_leaves_no_sampler_behind() -> None:
    runner = FakeRunner(num_slots=1)
    engine = make_engine(runner, max_waiting_requests=1)
    engine.submit(make_request([1], 1))
    engine.submit(make_request([1], 2))
    with pytest.raises(QueueFull):
        engine.submit(make_request([1], 3, num_choices=50))
    assert runner.num_samplers == 0, "before the first token nobody needs one"
    run(engine)
    assert runner.num_samplers == 2


def test_a_cancelled_request_says_nothing_more_and_frees_its_slot() -> None:
    runner = FakeRunner(num_slots=1)
    engine = make_engine(runner)
    first, second = make_request(letters("a"), 1, max_tokens=50), make_request(letters("k"), 2)
    engine.submit(first)
    engine.submit(second)
    engine.step()
    engine.cancel(first)
    events = run(engine)
    assert {event.request_id for event in events} == {2}
    assert finishes(events)[2, 0].finish_reason == "length"


def test_a_request_for_no_tokens_can_be_cancelled_before_it_is_said_to_be_over() -> None:
    engine = make_engine(FakeRunner())
    counted = make_request(letters("abc"), max_tokens=0)
    engine.submit(counted)
    engine.cancel(counted)
    assert run(engine) == []


def test_a_request_can_be_cancelled_while_it_waits() -> None:
    engine = make_engine(FakeRunner(num_slots=1))
    running, waiting = make_request(letters("a"), 1), make_request(letters("k"), 2)
    engine.submit(running)
    engine.submit(waiting)
    engine.step()
    engine.cancel(waiting)
    assert {event.request_id for event in run(engine)} == {1}


def test_a_request_can_be_cancelled_during_its_prefill() -> None:
    runner = FakeRunner(num_slots=1, n_ctx=400)
    engine = make_engine(runner)
    request = make_request([7] * 300)
    engine.submit(request)
    engine.step()
    engine.cancel(request)
    assert not engine.has_work
    assert runner.num_computed_tokens < 300


def test_a_failed_step_costs_only_those_in_it() -> None:
    runner = FakeRunner(num_slots=2)
    engine = make_engine(runner)
    runner.fails_in_steps = {2}
    for request_id in range(4):
        engine.submit(make_request(letters("abc"), request_id))
    events = run(engine)
    assert sorted(event.request_id for event in events if isinstance(event, Failed)) == [0, 1]
    assert sorted(request_id for request_id, _ in finishes(events)) == [2, 3]
    assert all(text_of(events, request_id) == "defgh" for request_id in (2, 3))


def test_a_conversations_next_turn_computes_only_what_is_new() -> None:
    engine = make_engine(FakeRunner(num_slots=2, n_ctx=200))
    prompt = letters("hello") * 10
    engine.submit(make_request(prompt, 1, max_tokens=5))
    answer = letters(text_of(run(engine)))
    engine.submit(make_request([*prompt, *answer, *letters("next")], 2, max_tokens=1))
    assert finishes(run(engine))[2, 0].num_cached_tokens == len(prompt) + len(answer) - 1


def test_a_leak_found_when_idle_is_put_right() -> None:
    runner = FakeRunner(num_slots=1)
    engine = make_engine(runner)
    engine.submit(make_request(letters("abc")))
    run(engine)
    runner.memory.slots[0].append(9)
    engine.check()
    assert runner.memory.slots[0] == []


class Traffic:
    """Random requests and cancellations, and all that the engine said about them."""

    def __init__(self, data: st.DataObject) -> None:
        self._draw = data.draw
        num_slots, can_trim = self._draw(st.integers(1, 4)), self._draw(st.booleans())
        runner = FakeRunner(num_slots, n_ctx=300, can_trim=can_trim)
        if self._draw(st.booleans()):
            runner.attention = Attention(tile=8, per_tiled_token=0.001, per_single_token=0.05)  # much is padded
        runner.is_on_gpu = self._draw(st.booleans())
        self.engine = Engine(runner, 1000, 10**6, 250, max_draft_tokens=self._draw(st.sampled_from([0, 5])))
        self.alive: dict[int, Request] = {}
        self.events: defaultdict[int, list[Event]] = defaultdict(list)
        self._ids = itertools.count()

    def submit(self) -> None:
        prompt = [1 + i % 7 for i in range(self._draw(st.integers(1, 120)))]
        prompt += self._draw(st.lists(st.integers(1, 9), max_size=3))
        max_tokens, num_choices = self._draw(st.integers(1, 6)), self._draw(st.integers(1, 3))
        stop = self._draw(st.sampled_from([(), ("never",)]))
        request = make_request(prompt, next(self._ids), max_tokens=max_tokens, num_choices=num_choices, stop=stop)
        self.engine.submit(request)
        self.alive[request.request_id] = request

    def cancel(self) -> None:
        if self.alive:
            self.engine.cancel(self.alive.pop(self._draw(st.sampled_from(sorted(self.alive)))))

    def step(self) -> None:
        if self.engine.has_work:
            self._hear(self.engine.step(self._hear))

    def _hear(self, outputs: list[Output]) -> None:
        for request, event in outputs:
            assert request.request_id in self.alive, "an event for a request that was cancelled"
            self.events[request.request_id].append(event)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_comes_and_goes_every_request_ends_once_and_no_slot_is_lost(data: st.DataObject) -> None:
    traffic = Traffic(data)
    actions = st.sampled_from([Traffic.submit, Traffic.step, Traffic.step, Traffic.cancel])
    for action in data.draw(st.lists(actions, max_size=60)):
        action(traffic)
    while traffic.engine.has_work:
        traffic.step()
    traffic.engine.check()
    for request_id, request in traffic.alive.items():
        choices = finishes(traffic.events[request_id])
        assert len(choices) == request.num_choices
        expected = "".join(chr((request.prompt[-1] + i) % 255 + 1) for i in range(request.max_tokens))
        for choice in range(request.num_choices):
            assert text_of(traffic.events[request_id], request_id, choice) == expected


def scoring_runner(num_slots: int = 4, n_ctx: int = 64) -> FakeRunner:
    """A model that can give four logits besides those of the slots."""
    runner = FakeRunner(num_slots, n_ctx)
    runner.max_step_logits = num_slots + 4
    return runner


def scored(events: list[Event], choice: int = 0) -> list[int]:
    """The tokens of the prompt whose logprobs came, in order."""
    deltas = [event for event in events if isinstance(event, Delta) and event.choice == choice and not event.num_tokens]
    assert all(delta.text == "" for delta in deltas)
    return [logprob.token for delta in deltas for logprob in delta.logprobs or ()]


@pytest.mark.parametrize("length", [1, 2, 4, 5, 9, 23])
def test_a_prompt_is_scored_token_by_token(length: int) -> None:
    prompt = letters("abcdefghijklmnopqrstuvw"[:length])
    engine = make_engine(scoring_runner())
    engine.submit(make_request(prompt, max_tokens=2, num_top_logprobs=1, wants_prompt_logprobs=True))
    events = run(engine)
    assert scored(events) == prompt[1:]
    logprobs = [logprob for event in events if isinstance(event, Delta) for logprob in event.logprobs or ()]
    assert [logprob.token for logprob in logprobs] == [*prompt[1:], prompt[-1] + 1, prompt[-1] + 2]
    # The fake counts up, so each of these tokens was the likeliest one after those before it.
    assert all(logprob.top[0][0] == logprob.token and logprob.logprob > -0.1 for logprob in logprobs)
    assert text_of(events) == "".join(map(chr, [prompt[-1] + 1, prompt[-1] + 2]))


def test_a_prompt_may_be_scored_and_nothing_generated() -> None:
    runner = scoring_runner()
    engine = make_engine(runner)
    options: dict[str, Any] = {"num_top_logprobs": 0, "wants_prompt_logprobs": True, "num_choices": 2}
    engine.submit(make_request(letters("abcdef"), max_tokens=0, **options))
    events = run(engine)
    assert scored(events, 0) == scored(events, 1) == letters("bcdef")
    assert finishes(events)[1, 0] == Finished(1, 0, "length", 0, 0)
    assert runner.num_samplers == 0


def test_scoring_takes_nothing_from_the_cache_and_leaves_it_for_others() -> None:
    runner = scoring_runner(num_slots=2, n_ctx=512)
    engine = make_engine(runner)
    prompt = [1 + token % 200 for token in range(150)]
    for request_id in (1, 2):
        engine.submit(make_request(prompt, request_id, max_tokens=0, num_top_logprobs=0, wants_prompt_logprobs=True))
        events = run(engine)
        assert scored(events) == prompt[1:]
        assert finishes(events)[request_id, 0].num_cached_tokens == 0
    engine.submit(make_request(prompt, 3, max_tokens=1))
    assert finishes(run(engine))[3, 0].num_cached_tokens == 149


def test_many_prompts_are_scored_beside_those_that_generate() -> None:
    engine = make_engine(scoring_runner(num_slots=6, n_ctx=128))
    prompts = {
        request_id: [1 + (7 * request_id + i) % 200 for i in range(10 * request_id)] for request_id in range(1, 9)
    }
    for request_id, prompt in prompts.items():
        scores = request_id % 3 > 0
        engine.submit(make_request(prompt, request_id, max_tokens=6, num_top_logprobs=0, wants_prompt_logprobs=scores))
    by_request: dict[int, list[Event]] = defaultdict(list)
    for event in run(engine):
        by_request[event.request_id].append(event)
    for request_id, prompt in prompts.items():
        assert scored(by_request[request_id]) == (prompt[1:] if request_id % 3 else [])
        assert finishes(by_request[request_id])[request_id, 0].num_completion_tokens == 6


@pytest.mark.parametrize("num_slots", [1, 3, 8])
@pytest.mark.parametrize("max_tokens", [0, 3])
def test_a_prompt_of_many_choices_is_scored_and_computed_once(num_slots: int, max_tokens: int) -> None:
    runner = scoring_runner(num_slots=num_slots, n_ctx=512)
    engine = make_engine_that_copies(runner)
    prompt = [1 + token % 200 for token in range(150)]
    options: dict[str, Any] = {"num_top_logprobs": 0, "wants_prompt_logprobs": True, "num_choices": 8}
    engine.submit(make_request(prompt, max_tokens=max_tokens, **options))
    events = run(engine)
    for choice in range(8):
        assert scored(events, choice) == prompt[1:]
        own = [event for event in events if isinstance(event, Delta) and event.choice == choice]
        assert [delta.num_tokens for delta in own] == sorted(delta.num_tokens for delta in own), "scores come first"
        assert finishes(events)[1, choice].num_completion_tokens == max_tokens
    assert runner.num_computed_tokens <= len(prompt) + 8 * (1 + max_tokens)
