"""Guessing ahead with the demo model: equal text in fewer passes, on llama.cpp's own arithmetic."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from scripts.benchmarks.models.make_model import make_model
from scripts.benchmarks.models.shapes import SHAPES
from server.engine.cost.pass_cost import PassCost
from server.engine.engine import Engine
from server.engine.llama.model import Model, load_draft_model
from server.engine.llama.weights import ModelLoadError
from server.engine.sequence import Request
from server.engine.speculation.draft_model import DraftModel
from server.engine.speculation.speculation import Drafter
from server.models.source import demo_model_path
from server.protocol.engine_config import EngineConfig, EngineOptions
from server.protocol.messages import Delta
from server.protocol.values import SamplingParams, TextPiece

MAX_TOKENS = 30
CLOSE = 0.2
"""Margin below which the two likeliest tokens may change places when a pass has another number of rows."""

PROMPTS = (
    "one two three four five six seven eight nine ten one two three four five six",
    "def add(a, b):\n    return a + b\n\ndef sub(a, b):\n    return a - b\n\ndef mul(a, b):\n    return",
    "The rain in Spain stays mainly in the plain. Again: The rain in Spain",
    "{'name': 'Ann', 'age': 7}, {'name': 'Bob', 'age': 8}, {'name': 'Cid', 'age': 9}, {'name':",
)

Answer = list[tuple[int, float]]
"""Tokens, each with the margin by which it was likelier than the second best."""


@pytest.fixture(scope="module")
def model() -> Model:
    path = demo_model_path()
    assert path is not None
    options = EngineOptions(num_slots=2, num_threads=1, n_ctx=256, max_draft_tokens=7)
    return Model(EngineConfig(model_id="m", model_path=str(path), socket_path="", options=options))


@pytest.fixture(scope="module")
def greedy(model: Model) -> tuple[list[Answer], int]:
    """The tokens that the model says without guesses, and the number of steps that it took."""
    return answers(model, 0, SamplingParams(temperature=0))


@pytest.fixture(autouse=True)
def guesses_always_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PassCost, "seconds", lambda self, num_rows, seconds_per_row=0.0: 1.0)


def answers(
    model: Model, max_draft_tokens: int, sampling: SamplingParams, drafter: Drafter | None = None
) -> tuple[list[Answer], int]:
    """The tokens that the model says to each prompt, and the number of steps that it took."""
    engine = Engine(model, 100, 10**6, 1000, max_draft_tokens=max_draft_tokens, drafter=drafter)
    for slot in engine._kv_cache.slots:
        engine._kv_cache.clear(slot)
    for request_id, text in enumerate(PROMPTS):
        prompt = model.vocabulary.tokenize([TextPiece(text, parse_special=False)])
        engine.submit(Request("me", request_id, prompt, MAX_TOKENS, sampling, ignore_eos=True, num_top_logprobs=2))
    said: list[Answer] = [[] for _ in PROMPTS]
    num_steps = 0
    while engine.has_work:
        num_steps += 1
        for _, event in engine.step():
            if isinstance(event, Delta):
                for logprob in event.logprobs or ():
                    said[event.request_id].append((logprob.token, logprob.top[0][2] - logprob.top[1][2]))
    engine._kv_cache.check()
    return said, num_steps


def test_greedy_text_is_the_same(model: Model, greedy: tuple[list[Answer], int]) -> None:
    plain, num_steps = greedy
    guessed, num_fewer_steps = answers(model, 7, SamplingParams(temperature=0))
    assert num_fewer_steps < num_steps * 0.8
    assert_same(plain, guessed)


def test_a_model_that_drafts_for_itself_is_nearly_always_right(
    model: Model, greedy: tuple[list[Answer], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DraftModel, "seconds", lambda self, num_sequences, num_tokens: 0.0)
    plain, num_steps = greedy
    drafter = load_draft_model(draft_config(demo_model_path()), model)
    guessed, num_fewer_steps = answers(model, 7, SamplingParams(temperature=0), drafter)
    assert num_fewer_steps < num_steps * 0.5
    assert_same(plain, guessed)


def test_a_draft_model_with_another_vocabulary_is_refused(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "other.gguf"
    make_model(path, dataclasses.replace(SHAPES["tiny"], n_vocab=50_000))
    with pytest.raises(ModelLoadError, match="cannot be the draft model: the model has 49152 tokens"):
        load_draft_model(draft_config(path), model)


def draft_config(path: Path | None) -> EngineConfig:
    options = EngineOptions(num_slots=2, num_threads=1)
    return EngineConfig(model_id="m", model_path="", draft_model_path=str(path), socket_path="", options=options)


def assert_same(plain: list[Answer], guessed: list[Answer]) -> None:
    """Compare tokens up to the place where the model itself wavered."""
    for expected, found in zip(plain, guessed, strict=True):
        assert len(found) == len(expected) == MAX_TOKENS
        for (token, margin), (other, _) in zip(expected, found, strict=True):
            if token != other:
                assert margin < CLOSE
                break


def test_seeded_draws_are_the_same(model: Model) -> None:
    sampling = SamplingParams(temperature=0.3, seed=5)
    plain, _ = answers(model, 0, sampling)
    guessed, _ = answers(model, 7, sampling)
    num_same = sum(
        [token for token, _ in expected] == [token for token, _ in found]
        for expected, found in zip(plain, guessed, strict=True)
    )
    assert num_same >= len(PROMPTS) - 1, "rounding may change a draw, but hardly ever"
