"""Rows of logits looked at together: several threads find, and choose, exactly as one does."""

from __future__ import annotations

from random import Random

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.engine.sampling.candidates import BLOCK, blocks_of, largest
from server.engine.sampling.logit_scan import LogitRows, LogitScan, Wanted
from server.engine.sampling.sampler import Sampler
from server.protocol.values import SamplingParams
from tests.engine.sampling.test_sampler import FILTERS


def some_rows(num_rows: int, n_vocab: int, seed: int = 0, num_values: int = 10**6) -> LogitRows:
    """Rows with few different values, which make ties."""
    generator = np.random.default_rng(seed)
    return (generator.integers(num_values, size=(num_rows, n_vocab)) / num_values * 20).astype(np.float32)


def maxima_of(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    maxima: npt.NDArray[np.float32] = blocks_of(rows).max(axis=-2)
    return maxima


@pytest.mark.parametrize("n_vocab", [5, BLOCK, 50 * BLOCK, 50 * BLOCK + 17])
@pytest.mark.parametrize("num_threads", [1, 2, 5])
@pytest.mark.parametrize("num_rows", [1, 2, 7, 32])
def test_several_threads_find_what_one_finds(n_vocab: int, num_threads: int, num_rows: int) -> None:
    scan, chance = LogitScan(num_threads, max_rows=32, n_vocab=n_vocab), Random(0)
    for seed in range(5):
        rows, wanted = some_rows(num_rows, n_vocab, seed, num_values=50), chance.choices(list(Wanted), k=num_rows)
        found = scan.scan(rows, wanted)
        for number, (logits, of_row) in enumerate(zip(rows, wanted, strict=True)):
            if of_row is Wanted.LIKELIEST:
                assert found.likeliest[number] == logits.argmax()
            if of_row is Wanted.MAXIMA:
                assert np.array_equal(found.maxima[number], maxima_of(logits))


@given(n_vocab=st.integers(1, 5 * BLOCK), seed=st.integers(0, 1000), num_impossible=st.integers(0, 5 * BLOCK))
def test_the_largest_logit_follows_from_the_maxima(n_vocab: int, seed: int, num_impossible: int) -> None:
    (logits,) = some_rows(1, n_vocab, seed)
    logits[np.random.default_rng(seed).permutation(n_vocab)[:num_impossible]] = -np.inf
    assert largest(logits, maxima_of(logits)) == logits.max()


@pytest.mark.parametrize("filters", [*FILTERS, {"mirostat": 2}, {"top_n_sigma": 1.5, "top_k": 9}], ids=str)
def test_the_same_is_chosen_with_maxima_and_without(filters: dict[str, float]) -> None:
    params = msgspec.structs.replace(SamplingParams(logit_bias={3: -100, 9: 15}, repeat_penalty=1.5, seed=5), **filters)
    plain, quick = (Sampler(params, banned=[1, 64]) for _ in range(2))
    for seed in range(20):
        (logits,) = some_rows(1, 3000, seed)
        expected = plain.sample(logits.copy(), [3, 4, 2998])
        quick.adjust(logits, [3, 4, 2998])
        assert quick.choose(logits, maxima_of(logits)) == expected
