"""Logprobs, held against a softmax in 64 bits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from server.engine.sampling.logprobs import Logprobs
from tests.engine.sampling.test_sampler import logits_of, random_logits


def test_logprobs_are_those_of_an_independent_softmax() -> None:
    logits = logits_of(0.5, 2.0, -1.0, 2.5)
    total = math.fsum(math.exp(value) for value in logits.tolist())
    logprobs = Logprobs(logits)
    assert logprobs.of(1) == pytest.approx(2.0 - math.log(total), abs=1e-6)
    assert [token for token, _ in logprobs.top(3)] == [3, 1, 0]
    assert logprobs.top(3)[0][1] == pytest.approx(2.5 - math.log(total), abs=1e-6)
    assert logprobs.top(0) == []


@pytest.mark.parametrize("n_vocab", [100, 49_152, 151_936])
def test_they_are_exact_for_large_vocabularies_and_large_logits(n_vocab: int) -> None:
    logits = random_logits(1, n_vocab) * 3 + 500
    exact = logits.astype(np.float64)
    expected = exact - exact.max() - math.log(math.fsum(np.exp(exact - exact.max())))
    logprobs = Logprobs(logits)
    np.testing.assert_allclose([logprobs.of(token) for token in range(100)], expected[:100], rtol=0, atol=2e-6)
    top = logprobs.top(20)
    assert [token for token, _ in top] == np.argsort(-logits, kind="stable")[:20].tolist()
    assert all(logprob == logprobs.of(token) for token, logprob in top)


def test_what_changes_the_logits_later_does_not_show() -> None:
    logits = logits_of(0.5, 2.0, -1.0)
    logprobs = Logprobs(logits)
    before = logprobs.of(1), logprobs.top(2)
    logits[:] = -np.inf
    assert (logprobs.of(1), logprobs.top(2)) == before


def test_impossible_tokens_have_no_probability() -> None:
    logprobs = Logprobs(logits_of(1.0, -np.inf))
    assert (logprobs.of(0), logprobs.of(1)) == (0.0, -math.inf)
