"""Sampling: bias, penalties and logprobs, against independent computations."""

from __future__ import annotations

import math

import numpy as np
import pytest

from server.engine.messages import SamplingParams
from server.engine.sampler import Logprobs, Sampler, is_greedy, penalize


class CountingChain:
    """Records what it is asked; always draws the same token."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.is_closed = False

    def sample(self, row: int) -> int:
        self.rows.append(row)
        return 7

    def close(self) -> None:
        self.is_closed = True


def logits_of(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def test_greedy_takes_the_likeliest_token() -> None:
    assert Sampler(SamplingParams(temperature=0), None).sample(logits_of(1, 3, 2), 0, []) == 1


def test_a_bias_changes_the_choice() -> None:
    sampler = Sampler(SamplingParams(temperature=0, logit_bias={2: 1.5}), None)
    assert sampler.sample(logits_of(1, 3, 2), 0, []) == 2


def test_banned_tokens_are_never_chosen() -> None:
    assert Sampler(SamplingParams(temperature=0), None, banned=[1]).sample(logits_of(1, 3, 2), 0, []) == 2


def test_other_params_leave_the_draw_to_the_chain() -> None:
    chain = CountingChain()
    sampler = Sampler(SamplingParams(temperature=1), chain)
    assert sampler.sample(logits_of(1, 3, 2), 5, []) == 7
    assert chain.rows == [5]
    sampler.close()
    assert chain.is_closed


@pytest.mark.parametrize(("params", "expected"), [({"temperature": 0}, True), ({"top_k": 1}, True), ({}, False)])
def test_greedy_params_need_no_chain(params: dict[str, float], expected: bool) -> None:
    assert is_greedy(SamplingParams(**params)) is expected  # type: ignore[arg-type]


def test_penalties_are_llama_cpps() -> None:
    logits = logits_of(2, -2, 4, 1)
    params = SamplingParams(repeat_penalty=2, frequency_penalty=0.5, presence_penalty=0.25)
    penalize(logits, [0, 1, 1], params)
    assert logits.tolist() == [2 / 2 - 0.5 - 0.25, -2 * 2 - 2 * 0.5 - 0.25, 4, 1]


def test_penalties_see_the_last_tokens_only() -> None:
    sampler = Sampler(SamplingParams(temperature=0, repeat_penalty=10, penalty_last_n=1), None)
    assert sampler.sample(logits_of(1, 3, 2), 0, [2, 1]) == 2
    assert sampler.sample(logits_of(1, 3, 2), 0, [1, 0]) == 1


def test_logprobs_are_those_of_an_independent_softmax() -> None:
    logits = logits_of(0.5, 2.0, -1.0, 2.5)
    total = sum(math.exp(value) for value in logits.tolist())
    logprobs = Logprobs(logits)
    assert logprobs.of(1) == pytest.approx(2.0 - math.log(total))
    assert [token for token, _ in logprobs.top(3)] == [3, 1, 0]
    assert logprobs.top(3)[0][1] == pytest.approx(2.5 - math.log(total))
    assert logprobs.top(0) == []
