"""Guessing tokens ahead: which tokens are guessed, when it pays, and that nobody can tell from the outcome."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.engine.cost.pass_cost import PassCost
from server.engine.engine import Engine
from server.engine.speculation.prompt_lookup import History
from server.engine.speculation.speculation import Guesses
from server.protocol.messages import Event, Started
from server.protocol.values import SamplingParams
from tests.engine.driving import finishes, letters, make_request, run, text_of
from tests.engine.fakes import FakeRunner

NUM_DRAFTED = 7


def around(tokens: list[int]) -> int:
    """a, b, c, d, a, b, ...: a script in which every continuation has been there before."""
    return ord("a") + (tokens[-1] + 1 - ord("a")) % 4


def astray(tokens: list[int]) -> int:
    """A script that goes round, and somewhere else now and then."""
    return around(tokens) if len(tokens) % 11 else ord("a") + len(tokens) % 7


@pytest.fixture(autouse=True, params=["cpu", "gpu"])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs each test on a CPU and on a GPU. There, text is made of tokens a step later, when more than one may have
    come."""
    monkeypatch.setattr(FakeRunner, "is_on_gpu", request.param == "gpu")


@pytest.fixture(autouse=True)
def passes_cost_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets passes take equally long whatever their rows, so that every guess that may be right is worth a try."""
    monkeypatch.setattr(PassCost, "seconds", lambda self, num_rows, seconds_per_row=0.0: 1.0)


def generate(runner: FakeRunner, num_drafted: int, *requests: dict[str, Any]) -> list[Event]:
    engine = Engine(runner, 1000, 10**6, 250, max_draft_tokens=num_drafted)
    for request_id, options in enumerate(requests):
        engine.submit(make_request(request_id=request_id, **options))
    events = run(engine)
    for slot in engine._kv_cache.slots:
        assert runner.memory.slots[slot.index] == slot.tokens
    return [event for event in events if not isinstance(event, Started)]  # no two runs wait equally long


def test_what_stood_behind_the_same_tokens_is_proposed() -> None:
    history = History()
    assert history.propose([1, 2, 3, 4, 5, 6, 7, 2, 3, 4], 2) == [5, 6]
    assert history.propose([1, 2, 3, 4, 5, 6, 7, 2, 3, 4, 9], 2) == []
    assert history.propose([1, 2, 3, 4, 5, 6, 7, 2, 3, 4, 9, 2, 3, 4], 3) == [9, 2, 3], "the last time counts"


def test_a_repetition_is_continued() -> None:
    assert History().propose([1, 2, 1, 2, 1, 2], 5) == [1, 2, 1, 2, 1]
    assert History().propose([7, 7, 7, 7], 3) == [7, 7, 7]


@pytest.mark.parametrize("tokens", [[], [1], [1, 2, 3], [1, 2, 3, 4], [256, 1, 65536, 1, 256, 1]])
def test_nothing_is_proposed_where_nothing_repeats(tokens: list[int]) -> None:
    assert History().propose(tokens, 4) == []


@given(st.lists(st.sampled_from([0, 1, 256, 65536, 2**24]), max_size=40))
def test_a_proposal_follows_an_earlier_match(tokens: list[int]) -> None:
    proposal = History().propose(tokens, 1)
    ends = [end for end in range(3, len(tokens)) if tokens[end - 3 : end] == tokens[-3:]]
    assert proposal == ([tokens[ends[-1]]] if ends else [])


def test_how_good_guesses_are_is_followed() -> None:
    guesses, tokens = Guesses(), letters("abcdabcd")
    for token in letters("abcdabcd"):
        guesses.watch(tokens)
        guesses.tokens = [token, token]
        tokens.append(token)
    guesses.watch(tokens)
    assert guesses.acceptance > 0.8
    before, guesses.tokens = guesses.acceptance, [98, 98]
    guesses.watch([*tokens, 99])
    assert guesses.acceptance < before


def test_text_that_repeats_takes_fewer_steps() -> None:
    plain, guessing = FakeRunner(script=around, n_ctx=200), FakeRunner(script=around, n_ctx=200)
    prompt = {"prompt": letters("abcdabcd"), "max_tokens": 80}
    expected = generate(plain, 0, prompt)
    events = generate(guessing, NUM_DRAFTED, prompt)
    assert text_of(events, 0) == text_of(expected, 0)
    assert finishes(events) == finishes(expected)
    assert len(guessing.steps) < len(plain.steps) / 3


def test_a_model_that_cannot_take_tokens_back_gets_no_guesses() -> None:
    runner = FakeRunner(script=around, can_trim=False)
    generate(runner, NUM_DRAFTED, {"prompt": letters("abcdabcd"), "max_tokens": 20})
    assert {len(tokens) for step in runner.steps[1:] for _, tokens in step} == {1}


def test_the_end_comes_where_it_comes_without_guesses() -> None:
    ends: dict[str, tuple[Callable[[list[int]], int], dict[str, Any]]] = {
        "a token": (lambda tokens: around(tokens) if len(tokens) < 43 else 0, {}),
        "a stop string": (around, {"stop": ("dab",)}),
        "a stop string that was only begun": (around, {"stop": ("dabX",)}),
        "max_tokens": (around, {"max_tokens": 31}),
    }
    for name, (script, options) in ends.items():
        request = {"prompt": letters("abcd" * 5 + "ab"), "max_tokens": 50, "num_top_logprobs": 1, **options}
        plain, guessed = (
            generate(FakeRunner(script=script, n_ctx=100), num_drafted, request) for num_drafted in (0, NUM_DRAFTED)
        )
        assert guessed == plain, name


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60), st.booleans()), min_size=1, max_size=6),
    st.integers(1, 9),
    st.integers(1, 4),
)
def test_no_text_is_changed_by_guesses(requests: list[tuple[int, int, bool]], num_drafted: int, num_slots: int) -> None:
    options = [
        {
            "prompt": [ord("a") + i % 4 for i in range(length)],
            "max_tokens": max_tokens,
            "stop": ("cdg",) if stops else (),
            "sampling": SamplingParams(temperature=1.0, seed=3),
        }
        for length, max_tokens, stops in requests
    ]
    plain, guessed = (
        generate(FakeRunner(num_slots, n_ctx=128, script=astray), number, *options) for number in (0, num_drafted)
    )
    for request_id in range(len(requests)):
        assert text_of(guessed, request_id) == text_of(plain, request_id)
        counts = [finishes(events)[request_id, 0].num_completion_tokens for events in (guessed, plain)]
        assert counts[0] == counts[1]


def test_nothing_is_drafted_where_more_rows_cost_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        PassCost, "seconds", lambda self, num_rows, seconds_per_row=0.0: float(num_rows) * (2 if num_rows > 1 else 1)
    )
    runner = FakeRunner(script=around, n_ctx=200)
    generate(runner, NUM_DRAFTED, {"prompt": letters("abcdabcd"), "max_tokens": 80})
    assert {len(tokens) for step in runner.steps[1:] for _, tokens in step} == {1}


def test_drafts_fit_into_the_rows_there_are() -> None:
    runner = FakeRunner(num_slots=4, script=around, n_ctx=200)
    runner.max_step_logits = 4 + 10
    generate(runner, NUM_DRAFTED, *[{"prompt": letters("abcdabcd"), "max_tokens": 80}] * 4)
    assert max(sum(len(tokens) for _, tokens in step) for step in runner.steps[5:]) <= 14


def test_the_sequences_of_a_step_have_drafts_of_one_length() -> None:
    runner = FakeRunner(num_slots=2, script=around, n_ctx=200)
    prompts = [letters("abcdabcdab"), letters("bcdabcda")]
    generate(runner, NUM_DRAFTED, *[{"prompt": prompt, "max_tokens": 40 + len(prompt)} for prompt in prompts])
    lengths = [{len(tokens) for _, tokens in step} - {1} for step in runner.steps[2:]]
    assert all(len(found) <= 1 for found in lengths)
    assert {NUM_DRAFTED + 1} in lengths
