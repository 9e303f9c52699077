"""A small model that guesses for a large one: it reads along, follows corrections, and never decides anything."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.engine.cost.pass_cost import PassCost
from server.engine.engine import Engine
from server.engine.speculation.draft_model import MAX_READ_TOKENS, DraftModel, VocabularyMismatch, check_same_vocabulary
from server.engine.speculation.speculation import FIRST_TRIAL_STEPS
from server.protocol.messages import Event
from tests.engine.driving import finishes, letters, make_request, run, text_of
from tests.engine.fakes import N_VOCAB, FakeRunner, Script, count_up


class Words:
    def __init__(self, *spellings: str) -> None:
        self._spellings = spellings
        self.num_tokens = len(spellings)

    def spelling(self, token: int) -> str:
        return self._spellings[token]


@pytest.fixture(autouse=True)
def passes_cost_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PassCost, "seconds", lambda self, num_rows, seconds_per_row=0.0: 1.0)
    monkeypatch.setattr(DraftModel, "seconds", lambda self, num_sequences, num_tokens: 0.0)


def sometimes_wrong(tokens: list[int]) -> int:
    return count_up(tokens) if len(tokens) % 5 else 1 + len(tokens) % 200


def generate(large: FakeRunner, small: FakeRunner | None, *requests: dict[str, Any]) -> list[Event]:
    drafter = DraftModel(small, N_VOCAB) if small else None
    engine = Engine(large, 1000, 10**6, 250, max_draft_tokens=7 if small else 0, drafter=drafter)
    for request_id, options in enumerate(requests):
        engine.submit(make_request(request_id=request_id, **options))
    events = run(engine)
    if drafter:
        assert not drafter._slots
        for slot in drafter._kv_cache.slots:
            assert not slot.is_busy
    return events


def test_a_model_that_guesses_right_saves_steps() -> None:
    plain, large, small = FakeRunner(n_ctx=300), FakeRunner(n_ctx=300), FakeRunner(n_ctx=300)
    request = {"prompt": letters("abc"), "max_tokens": 200}
    expected = generate(plain, None, request)
    events = generate(large, small, request)
    assert text_of(events, 0) == text_of(expected, 0)
    assert finishes(events) == finishes(expected)
    assert len(large.steps) < len(plain.steps) / 4


def test_a_model_that_guesses_wrong_is_soon_left_alone() -> None:
    large, small = FakeRunner(n_ctx=300), FakeRunner(n_ctx=300, script=lambda tokens: 7)
    request = {"prompt": letters("abc"), "max_tokens": 200}
    expected = generate(FakeRunner(n_ctx=300), None, request)
    assert text_of(generate(large, small, request), 0) == text_of(expected, 0)
    assert sum(len(tokens) > 1 for step in large.steps[1:] for _, tokens in step) < 20


def test_a_long_prompt_is_read_in_pieces() -> None:
    small = FakeRunner(num_slots=2, n_ctx=600)
    prompt = [1 + i % 200 for i in range(300)]
    requests = [{"prompt": [first, *prompt], "max_tokens": 50} for first in (1, 2)]
    generate(FakeRunner(num_slots=2, n_ctx=600), small, *requests)
    assert max(sum(len(tokens) for _, tokens in step) for step in small.steps) <= MAX_READ_TOKENS
    assert small.num_computed_tokens > 600


def test_it_is_tried_again_when_it_did_not_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DraftModel, "seconds", lambda self, num_sequences, num_tokens: 100.0)
    large, small = FakeRunner(n_ctx=300), FakeRunner(n_ctx=300)
    generate(large, small, {"prompt": letters("abc"), "max_tokens": 200})
    tried = [number for number, step in enumerate(large.steps) if number and len(step[0][1]) > 1]
    assert tried
    assert tried[0] == FIRST_TRIAL_STEPS + 1
    assert len(tried) <= 8


def test_a_failure_of_the_small_model_costs_nobody_anything() -> None:
    small = FakeRunner(n_ctx=300)
    small.fails_in_steps = {3}
    request = {"prompt": letters("abc"), "max_tokens": 100}
    assert text_of(generate(FakeRunner(n_ctx=300), small, request), 0) == text_of(
        generate(FakeRunner(n_ctx=300), None, request), 0
    )


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=1, max_size=6),
    st.integers(1, 3),
    st.sampled_from([count_up, sometimes_wrong]),
)
def test_no_text_is_changed(requests: list[tuple[int, int]], num_slots: int, script: Script) -> None:
    options = [
        {"prompt": [1 + (7 * i) % 200 for i in range(length)], "max_tokens": max_tokens}
        for length, max_tokens in requests
    ]
    plain = generate(FakeRunner(num_slots, 128, sometimes_wrong), None, *options)
    guessed = generate(FakeRunner(num_slots, 128, sometimes_wrong), FakeRunner(num_slots, 128, script), *options)
    for request_id in range(len(requests)):
        assert text_of(guessed, request_id) == text_of(plain, request_id)


def test_vocabularies_must_be_the_same() -> None:
    check_same_vocabulary(Words("a", "b"), Words("a", "b", "<pad>"))
    with pytest.raises(VocabularyMismatch, match="token 1 is 'b' to the model, but 'c' to the draft model"):
        check_same_vocabulary(Words("a", "b"), Words("a", "c"))
    with pytest.raises(VocabularyMismatch, match="2 tokens, the draft model 300"):
        check_same_vocabulary(Words("a", "b"), Words(*map(str, range(300))))
