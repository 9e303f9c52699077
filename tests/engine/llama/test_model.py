"""A real model's forward pass: the rows of logits that it gives, and its behaviour where memory is short."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np
import pytest

from server.engine.engine import Engine
from server.engine.llama.context_shape import MAX_PASS_TOKENS, ContextShape
from server.engine.llama.model import Model
from server.engine.llama.weights import ModelLoadError
from server.engine.sampling.candidates import blocks_of
from server.engine.sampling.logit_scan import Wanted
from server.engine.sequence import Request
from server.engine.token_chooser import TokenChooser
from server.models.source import demo_model_path
from server.protocol.messages import Delta
from server.protocol.values import SamplingParams
from tests.engine.kv.test_state import Run, load, prompt_of


@pytest.fixture(scope="module")
def model() -> Model:
    path = demo_model_path()
    assert path is not None
    return load(path, num_slots=4)


@pytest.fixture(autouse=True)
def empty_slots(model: Model) -> Iterator[None]:
    yield
    for index in range(model.num_slots):
        model.memory.clear(index)


def test_rows_come_in_the_order_of_spans_whatever_llama_cpp_computes_first(model: Model) -> None:
    spans = [
        Run(2, prompt_of(9), 0),
        Run(3, prompt_of(9, first=4000), 0, num_logits=4, num_padding=2),
        Run(0, prompt_of(5), 0, num_logits=0),
        Run(1, prompt_of(1), 0),
    ]
    rows = model.decode(spans)
    assert rows == [8, *range(9 + 3, 9 + 7), 9 + 9 + 5]
    together = [model.logits(row).copy() for row in rows]
    for index in range(model.num_slots):
        model.memory.clear(index)
    alone = [model.logits(row).copy() for span in spans for row in model.decode([span])]
    for ours, expected in zip(together, alone, strict=True):
        assert np.argmax(ours) == np.argmax(expected)
        assert np.allclose(ours, expected, atol=0.5)


def test_all_rows_are_scanned_as_they_are_now(model: Model) -> None:
    """Also those that have changed since the pass, by a mask or a penalty."""
    rows = model.decode([Run(index, prompt_of(7 + index), 0) for index in range(4)])
    model.logits(rows[1])[:100] = 99
    scanned = model.scan([Wanted.LIKELIEST, Wanted.LIKELIEST, Wanted.MAXIMA, Wanted.NOTHING])
    assert scanned.likeliest[:2] == [model.logits(rows[0]).argmax(), 0]
    assert np.array_equal(scanned.maxima[2], blocks_of(model.logits(rows[2])).max(axis=0))


SAMPLINGS = [
    SamplingParams(temperature=0),
    SamplingParams(temperature=1, top_k=40, min_p=0.05, seed=1),
    SamplingParams(temperature=0.8, top_p=0.9, seed=2),
    SamplingParams(temperature=1, logit_bias={198: 5}, repeat_penalty=1.3, dry_multiplier=0.8, seed=3),
]


@pytest.mark.parametrize("num_top_logprobs", [None, 3])
def test_what_is_chosen_row_by_row_is_what_is_chosen_after_a_scan(
    model: Model, num_top_logprobs: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def texts() -> list[str]:
        engine = Engine(model, 100, 100_000, 250)
        for number, sampling in enumerate(SAMPLINGS):
            prompt = prompt_of(12 + number)
            rule = model.dry_rules().rule(sampling)
            request = Request("me", number, prompt, 24, sampling, num_top_logprobs=num_top_logprobs, dry_rule=rule)
            engine.submit(request)
        said = [""] * len(SAMPLINGS)

        def hear(outputs: list[tuple[Request, Any]]) -> None:
            for _, event in outputs:
                if isinstance(event, Delta):
                    said[event.request_id] += event.text + repr(event.logprobs)

        while engine.has_work:
            hear(engine.step(hear))
        for slot in engine._kv_cache.slots:
            engine._kv_cache.clear(slot)
        return said

    # A CPU has computed when `decode` returns, which a GPU need not have; the engine does not mind.
    monkeypatch.setattr(model, "is_on_gpu", True)
    scanned = texts()
    assert all(scanned)
    monkeypatch.setattr(TokenChooser, "prepare", lambda self, rows, pending: None)
    assert texts() == scanned


def test_if_memory_is_short_less_is_computed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    tried, really = [], llama.llama_init_from_model

    def init(weights: object, params: Any) -> object:
        tried.append(params.n_ubatch)
        return really(weights, params) if params.n_ubatch <= MAX_PASS_TOKENS else None

    monkeypatch.setattr(llama, "llama_init_from_model", init)
    monkeypatch.setattr(ContextShape, "pass_sizes", (2 * MAX_PASS_TOKENS, MAX_PASS_TOKENS))
    path = demo_model_path()
    assert path is not None
    load(path)
    assert tried == [2 * MAX_PASS_TOKENS, MAX_PASS_TOKENS]
    monkeypatch.setattr(ContextShape, "pass_sizes", (2 * MAX_PASS_TOKENS,))
    with pytest.raises(ModelLoadError, match="memory"):
        load(path)
