"""Chooses the next token from logits.

The order is llama-server's:

1. `logit_bias`; tokens that the model's file suppresses are excluded, and with `ignore_eos` those that end a generation
2. repeat, presence and frequency penalties over the last `penalty_last_n` tokens, prompt included
3. DRY over the last `dry_penalty_last_n` tokens, prompt included
4. top-n-sigma, top-k, typical-p, top-p, min-p, XTC
5. temperature, which with `dynatemp_range` depends on how sure the model is
6. a draw, by `seed`

A temperature of 0 takes the likeliest token after step 3. With mirostat, as in llama-server, there are only bias,
temperature and mirostat's own choice; penalties and filters are left out.

A mask, such as a grammar's, is applied to the logits before all of this. Tokens at -inf are never chosen, whatever is
added to them. The filters of step 4 are in `candidates`. Nothing here knows sequences, text or who asked.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from server.engine.sampling.candidates import (
    Candidates,
    Logits,
    Maxima,
    draw,
    floor_of_min_p,
    floor_of_sigma,
    nucleus,
    relative_entropy,
    typical,
    without_top_choices,
)
from server.engine.sampling.mirostat import Mirostat
from server.engine.sampling.penalties import penalize, penalizes
from server.protocol.values import SamplingParams

DRAWS = 3
"""Number that changes whenever equal logits and seed may give another token; part of the system fingerprint."""

MIN_TEMPERATURE = 1e-5
"""Least temperature. Below it only the likeliest token is left in any case, and logits / temperature would leave the
range of a float."""

NUM_SEEDS = 2**64
"""Number of different seeds; larger and negative ones wrap around."""


class Repetition(Protocol):
    """A penalty for one sequence that remembers what was said; DRY is the only one."""

    def penalize(self, logits: Logits, history: Sequence[int]) -> None:
        """Change the logits of tokens that would repeat something. `history` only ever grows."""

    def close(self) -> None:
        """Free what is held for it."""


class RepetitionRule(Protocol):
    """The params of such a penalty, worked out for one model."""

    def start(self) -> Repetition:
        """A penalty for one sequence."""


class Sampler:
    """The sampling of one sequence; without a seed it draws differently every time."""

    def __init__(
        self, params: SamplingParams, repetition: Repetition | None = None, banned: Iterable[int] = ()
    ) -> None:
        self._params = params
        self._repetition = repetition
        self._banned = np.fromiter(banned, dtype=np.int64)
        self._bias_ids = np.fromiter(params.logit_bias.keys(), dtype=np.int64)
        self._biases = np.fromiter(params.logit_bias.values(), dtype=np.float32)
        self._random = random.Random(None if params.seed is None else params.seed % NUM_SEEDS)
        self._mirostat = Mirostat(params) if params.mirostat else None

    def sample(self, logits: Logits, history: Sequence[int]) -> int:
        """The next token after `history` (prompt and completion so far). Changes `logits`."""
        self.adjust(logits, history)
        return self.choose(logits)

    def adjust(self, logits: Logits, history: Sequence[int]) -> None:
        """First half of `sample`: bias and penalties, which change few logits, in place."""
        if self._bias_ids.size:
            logits[self._bias_ids] += self._biases
        if self._banned.size:
            logits[self._banned] = -np.inf
        if self._mirostat is None and penalizes(self._params):
            penalize(logits, history[-self._params.penalty_last_n :], self._params)
        if self._mirostat is None and self._repetition is not None:
            self._repetition.penalize(logits, history)

    def choose(self, logits: Logits, maxima: Maxima | None = None) -> int:
        """Second half of `sample`. `maxima` are those of the adjusted logits, if they are known."""
        if self.is_greedy:
            return int(logits.argmax())
        candidates = Candidates(logits, maxima=maxima)
        if self._begins_with_top_k:
            candidates = candidates.likeliest(self._params.top_k)  # first, so that nothing looks at all of them
        if not np.isfinite(candidates.peak):
            return int(logits.argmax())
        if self._mirostat is not None:
            return self._sample_by_surprise(candidates, self._mirostat)
        candidates = self._narrow(candidates)
        return candidates.token(draw(candidates, self._temperature(candidates), self._random.random()))

    def close(self) -> None:
        if self._repetition is not None:
            self._repetition.close()
            self._repetition = None

    @property
    def is_greedy(self) -> bool:
        """Whether it takes the likeliest token."""
        params = self._params
        is_cold = params.temperature < MIN_TEMPERATURE and params.dynatemp_range == 0
        return is_cold or (params.top_k == 1 and not params.mirostat)

    @property
    def _begins_with_top_k(self) -> bool:
        return self._params.top_k > 0 and self._params.top_n_sigma <= 0 and self._mirostat is None

    def _narrow(self, candidates: Candidates) -> Candidates:
        params = self._params
        if params.top_n_sigma > 0:
            candidates = candidates.above(floor_of_sigma(candidates.logits, params.top_n_sigma))
        if 0 < params.top_k < len(candidates):
            candidates = candidates.likeliest(params.top_k)
        if params.typical_p < 1:
            candidates = typical(candidates, params.typical_p)
        if params.top_p < 1:
            candidates = nucleus(candidates, params.top_p)
        if params.min_p > 0:
            candidates = candidates.above(floor_of_min_p(candidates, params.min_p))
        if params.xtc_probability > 0 and params.xtc_threshold <= 0.5 and len(candidates) > 1:
            candidates = self._without_top_choices(candidates)
        return candidates

    def _without_top_choices(self, candidates: Candidates) -> Candidates:
        if self._random.random() > self._params.xtc_probability:
            return candidates
        return without_top_choices(candidates, self._params.xtc_threshold)

    def _temperature(self, candidates: Candidates) -> float:
        """The temperature, or with a dynamic range the one from it that fits: the surer the model, the lower."""
        spread = self._params.dynatemp_range
        if spread <= 0:
            return self._params.temperature
        lowest = max(0.0, self._params.temperature - spread)
        highest = self._params.temperature + spread
        share = math.pow(relative_entropy(candidates.possible()), self._params.dynatemp_exponent)
        return max(lowest + (highest - lowest) * share, MIN_TEMPERATURE)

    def _sample_by_surprise(self, candidates: Candidates, mirostat: Mirostat) -> int:
        possible = candidates.possible()
        temperature = max(self._params.temperature, MIN_TEMPERATURE)  # it may be 0 with a dynamic range
        tempered = Candidates(possible.logits / np.float32(temperature), possible.tokens)
        narrowed = mirostat.narrow(tempered)
        index = draw(narrowed, 1.0, self._random.random())
        mirostat.learn(float(narrowed.probabilities()[index]))
        return narrowed.token(index)
