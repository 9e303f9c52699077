"""Sampling: candidates and probabilities equal those of llama.cpp's samplers in llama-server's order."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from server.engine.sampling.candidates import Candidates, draw
from server.engine.sampling.mirostat import Mirostat
from server.engine.sampling.penalties import penalize
from server.engine.sampling.sampler import Sampler
from server.protocol.values import SamplingParams
from tests.engine.sampling.llama_samplers import LlamaSamplers, filters, mirostat, penalties

N_VOCAB = 3000
SEVERAL = range(8)


def logits_of(*values: float) -> npt.NDArray[np.float32]:
    return np.array(values, dtype=np.float32)


def random_logits(seed: int, n_vocab: int = N_VOCAB) -> npt.NDArray[np.float32]:
    """Logits like those of a language model: some tokens stand out, more or less."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(scale=2.0, size=n_vocab)
    likely = generator.choice(n_vocab, size=30, replace=False)
    logits[likely] += generator.uniform(0, 12, size=30)
    return logits.astype(np.float32)


def our_probabilities(params: SamplingParams, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The candidates that the sampler would draw from."""
    sampler = Sampler(params)
    left = sampler._narrow(Candidates(logits.copy()))
    weights = np.exp((left.logits.astype(np.float64) - left.logits.max()) / sampler._temperature(left))
    found = np.zeros(len(logits))
    found[[left.token(index) for index in range(len(left))]] = weights / weights.sum()
    return found


FILTERS: list[dict[str, float]] = [
    {},
    {"top_k": 40},
    {"top_k": 5},
    {"top_k": 2 * N_VOCAB},
    {"min_p": 0.05},
    {"top_k": 40, "min_p": 0.05},
    {"top_p": 0.9},
    {"top_p": 0.5},
    {"top_p": 0.999},
    {"top_p": 0.0},
    {"top_k": 40, "top_p": 0.9},
    {"top_p": 0.95, "min_p": 0.02},
    {"top_k": 100, "top_p": 0.95, "min_p": 0.02},
    {"typical_p": 0.7},
    {"typical_p": 0.2, "top_k": 50},
    {"typical_p": 0.5, "top_k": 50, "top_p": 0.8, "min_p": 0.1},
    {"top_n_sigma": 1.0},
    {"top_n_sigma": 2.5, "top_k": 40, "min_p": 0.05},
    {"xtc_probability": 1.0, "xtc_threshold": 0.1},
    {"xtc_probability": 1.0, "xtc_threshold": 0.02, "top_k": 40},
    {"xtc_probability": 1.0, "xtc_threshold": 0.05, "min_p": 0.01},
    {"xtc_probability": 1.0, "xtc_threshold": 0.0, "top_k": 7},
    {"xtc_probability": 1.0, "xtc_threshold": 0.6},
    {"dynatemp_range": 0.5},
    {"dynatemp_range": 0.5, "temperature": 0.3, "dynatemp_exponent": 2.0, "top_k": 40},
    {"dynatemp_range": 1.0, "temperature": 1.0, "min_p": 0.03},
]


@pytest.mark.parametrize("values", FILTERS, ids=str)
def test_what_is_left_to_draw_from_is_what_llama_cpp_leaves(values: dict[str, float]) -> None:
    params = SamplingParams(**{"temperature": 0.8, **values})  # type: ignore[arg-type]
    for seed in SEVERAL:
        logits = random_logits(seed)
        with LlamaSamplers(*filters(params)) as samplers:
            expected = samplers.apply(logits).probabilities(N_VOCAB)
        np.testing.assert_allclose(our_probabilities(params, logits), expected, rtol=2e-4, atol=1e-6)


def test_any_mixture_of_filters_is_llama_cpps() -> None:
    generator = np.random.default_rng(1)
    for seed in range(200):
        values: dict[str, Any] = {
            "temperature": generator.uniform(0.1, 2),
            "top_k": int(generator.choice([0, 1, 10, 40, 1000])),
            "top_p": generator.choice([1.0, generator.uniform(0.05, 0.99)]),
            "min_p": generator.choice([0.0, generator.uniform(0.001, 0.3)]),
            "typical_p": generator.choice([1.0, generator.uniform(0.1, 0.95)]),
            "xtc_probability": generator.choice([0.0, 1.0]),
            "xtc_threshold": generator.uniform(0, 0.6),
        }
        params = SamplingParams(**values)
        logits = random_logits(seed)
        with LlamaSamplers(*filters(params)) as samplers:
            expected = samplers.apply(logits).probabilities(N_VOCAB)
        ours = our_probabilities(params, logits)
        # One token at the very edge of a sum may fall to either side, by the order of 32-bit additions.
        differ = np.flatnonzero((ours > 0) != (expected > 0))
        assert len(differ) <= 1, (values, differ)
        if not len(differ):
            np.testing.assert_allclose(ours, expected, rtol=5e-4, atol=1e-9)


@pytest.mark.parametrize("n_vocab", [2, 5, 63, 700, 50_000])
def test_vocabularies_of_any_size_are_cut_right(n_vocab: int) -> None:
    logits = random_logits(3, max(n_vocab, 31))[:n_vocab]
    for count in (1, 2, 40, 300):
        top = Candidates(logits).likeliest(count)
        expected = np.sort(logits)[::-1][:count]
        assert top.logits.tolist() == expected.tolist()
        assert [float(logits[top.token(index)]) for index in range(len(top))] == expected.tolist()


@pytest.mark.parametrize("n_vocab", [5, 700, 50_000])
def test_what_a_mask_excludes_is_not_among_the_likeliest(n_vocab: int) -> None:
    logits = np.full(n_vocab, -np.inf, dtype=np.float32)
    logits[[1, 3, n_vocab - 1]] = 2, 5, 1
    for count in (3, 4, 40):
        top = Candidates(logits).likeliest(count)
        assert [top.token(index) for index in range(3)] == [3, 1, n_vocab - 1]
        assert not np.isfinite(top.logits[3:]).any()
        sampler = Sampler(SamplingParams(top_k=count, temperature=5, seed=count))
        assert {sampler.sample(logits.copy(), []) for _ in range(200)} == {1, 3, n_vocab - 1}


@pytest.mark.parametrize("params", [{}, {"top_k": 40}, {"top_p": 0.5}, {"top_k": 40, "min_p": 0.05}])
def test_logits_that_are_no_numbers_give_a_token_all_the_same(params: dict[str, Any]) -> None:
    sampler = Sampler(SamplingParams(**params))
    for share in (0.01, 0.9, 1.0):
        logits = random_logits(1, 5_000)
        logits[np.random.default_rng(2).random(5_000) < share] = np.nan
        assert 0 <= sampler.sample(logits, []) < 5_000


@pytest.mark.parametrize("size", [1, 2, 600, 5000])
def test_the_draw_follows_the_probabilities(size: int) -> None:
    """A chi-square test over equally spaced draws, which leave no room for chance."""
    logits = random_logits(5, max(size, 31))[:size]
    num_draws = 20_000
    drawn = Counter(draw(Candidates(logits), 0.7, (i + 0.5) / num_draws) for i in range(num_draws))
    weights = np.exp(logits.astype(np.float64) / 0.7)
    expected = weights / weights.sum() * num_draws
    assert max(abs(drawn[token] - expected[token]) for token in range(size)) <= 1.01


def test_a_draw_never_leaves_the_candidates() -> None:
    logits = logits_of(-np.inf, 1, -np.inf, 1, -np.inf)
    assert {draw(Candidates(logits), 1.0, uniform) for uniform in (0.0, 0.3, 0.7, 1 - 1e-16, 1.0)} == {1, 3}


@pytest.mark.parametrize("version", [1, 2])
def test_mirostat_goes_llama_cpps_way(version: int) -> None:
    params = SamplingParams(temperature=0.9, mirostat=version, mirostat_tau=3.0, mirostat_eta=0.2)
    ours = Mirostat(params)
    with LlamaSamplers(*mirostat(params, N_VOCAB)) as theirs:
        for seed in range(50):
            logits = random_logits(seed)
            narrowed = ours.narrow(Candidates(logits / np.float32(0.9)))
            left = theirs.apply(logits)
            assert abs(len(narrowed) - len(left.tokens)) <= 1, seed
            chosen = next(index for index in range(len(narrowed)) if narrowed.token(index) == left.chosen)
            ours.learn(float(narrowed.probabilities()[chosen]))


def test_mirostat_with_a_single_candidate_or_an_extreme_target_still_says_something() -> None:
    masked = np.full(50, -np.inf, dtype=np.float32)
    masked[7] = -3
    for version in (1, 2):
        for tau in (0.0, 5.0, 100.0):
            sampler = Sampler(SamplingParams(mirostat=version, mirostat_tau=tau, mirostat_eta=1.0))
            assert {sampler.sample(masked.copy(), []) for _ in range(20)} == {7}
            assert all(0 <= sampler.sample(random_logits(seed), []) < N_VOCAB for seed in range(20))


def test_penalties_are_llama_cpps() -> None:
    generator = np.random.default_rng(2)
    history = generator.integers(0, 40, size=200).tolist()
    for last_n in (1, 7, 64, 500):
        params = SamplingParams(
            repeat_penalty=1.3, frequency_penalty=0.5, presence_penalty=-0.25, penalty_last_n=last_n
        )
        logits = random_logits(last_n)
        with LlamaSamplers(*penalties(params, N_VOCAB)) as samplers:
            samplers.accept(history)
            expected = samplers.apply(logits)
        penalize(logits, history[-last_n:], params)
        assert expected.tokens.tolist() == list(range(N_VOCAB))
        np.testing.assert_allclose(logits, expected.logits, rtol=1e-6)


def test_penalties_see_the_last_tokens_only_and_may_be_off() -> None:
    params = SamplingParams(temperature=0, repeat_penalty=10, penalty_last_n=1)
    assert Sampler(params).sample(logits_of(1, 3, 2), [2, 1]) == 2
    assert Sampler(params).sample(logits_of(1, 3, 2), [1, 0]) == 1
    assert Sampler(msgspec.structs.replace(params, penalty_last_n=0)).sample(logits_of(1, 3, 2), [1]) == 1


def test_greedy_takes_the_likeliest_token() -> None:
    for params in (SamplingParams(temperature=0), SamplingParams(top_k=1), SamplingParams(top_p=0)):
        assert Sampler(params).sample(logits_of(1, 3, 2), []) == 1


def test_a_bias_changes_the_choice() -> None:
    sampler = Sampler(SamplingParams(temperature=0, logit_bias={2: 1.5}))
    assert sampler.sample(logits_of(1, 3, 2), []) == 2


def test_banned_tokens_are_never_chosen() -> None:
    assert Sampler(SamplingParams(temperature=0), banned=[1]).sample(logits_of(1, 3, 2), []) == 2
    assert Sampler(SamplingParams(logit_bias={1: 100}), banned=[1]).sample(logits_of(-50, 3, 50), []) == 2


@pytest.mark.parametrize("values", [*FILTERS, {"mirostat": 1}, {"mirostat": 2}, {"temperature": 0}], ids=str)
def test_what_a_mask_excludes_is_never_chosen(values: dict[str, float]) -> None:
    params = SamplingParams(**{"logit_bias": {5: 100.0}, "repeat_penalty": 2.0, **values})  # type: ignore[arg-type]
    for num_allowed in (1, 2, 50):
        for seed in range(3):
            logits = random_logits(seed)
            allowed = np.random.default_rng(seed).choice(N_VOCAB - 6, size=num_allowed, replace=False) + 6
            masked = np.full(N_VOCAB, -np.inf, dtype=np.float32)
            masked[allowed] = logits[allowed]
            assert Sampler(params).sample(masked, [5, 5, int(allowed[0])]) in allowed


def test_with_nothing_allowed_it_still_returns_a_token() -> None:
    assert Sampler(SamplingParams(top_k=40)).sample(np.full(50, -np.inf, dtype=np.float32), []) in range(50)


def test_the_same_seed_draws_the_same_tokens_and_none_different_ones() -> None:
    def tokens(seed: int | None) -> list[int]:
        sampler = Sampler(SamplingParams(seed=seed))
        return [sampler.sample(random_logits(position), []) for position in range(20)]

    assert tokens(7) == tokens(7)
    assert tokens(-7) == tokens(-7)
    assert len({tuple(tokens(seed)) for seed in (7, -7, 8, 2**63 - 1, -(2**63), None)}) == 6
    assert tokens(None) != tokens(None)


def test_xtc_has_its_way_as_often_as_it_should() -> None:
    sampler = Sampler(SamplingParams(xtc_probability=0.3, xtc_threshold=0.1, seed=1))
    logits = np.log(np.array([0.6, 0.4], dtype=np.float32))
    drawn = Counter(sampler.sample(logits.copy(), []) for _ in range(5000))
    assert drawn[0] / 5000 == pytest.approx(0.7 * 0.6, abs=0.03)


class Repeater:
    """A penalty that notes the histories it is asked about, and makes token 0 impossible."""

    def __init__(self) -> None:
        self.histories: list[list[int]] = []
        self.is_closed = False

    def penalize(self, logits: npt.NDArray[np.float32], history: Any) -> None:
        self.histories.append(list(history))
        logits[0] = -np.inf

    def close(self) -> None:
        self.is_closed = True


def test_a_repetition_penalty_is_asked_with_the_whole_history_and_closed_once() -> None:
    repeater = Repeater()
    sampler = Sampler(SamplingParams(temperature=0), repeater)
    assert sampler.sample(logits_of(9, 3, 2), [4, 5]) == 1
    assert repeater.histories == [[4, 5]]
    sampler.close()
    sampler.close()
    assert repeater.is_closed


def test_mirostat_leaves_penalties_out_as_llama_server_does() -> None:
    repeater = Repeater()
    Sampler(SamplingParams(mirostat=2, repeat_penalty=2), repeater).sample(logits_of(9, 3, 2), [0])
    assert repeater.histories == []


def test_the_largest_seed_and_the_smallest_temperature_are_safe() -> None:
    params = SamplingParams(temperature=1e-4, seed=2**63 - 1)
    assert Sampler(params).sample(logits_of(1, 3, 2), []) == 1
    assert math.isfinite(our_probabilities(params, logits_of(1, 3, 2)).sum())
