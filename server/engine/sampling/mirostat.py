"""Mirostat: keeps the surprise of the generated text at a target by the number of candidates, instead of the other
filters.

Both versions do what llama.cpp's samplers do. https://arxiv.org/abs/2007.14966
"""

from __future__ import annotations

import math

import numpy as np

from server.engine.sampling.candidates import Candidates, total
from server.protocol.values import SamplingParams

NUM_FITTED = 100
"""Number of likeliest tokens that say how fast the distribution falls; the paper's and llama.cpp's `m`."""


class Mirostat:
    """The surprise, in bits, that the next token of one sequence may have, as `mu`."""

    def __init__(self, params: SamplingParams) -> None:
        self._version = params.mirostat
        self._target = params.mirostat_tau
        self._rate = params.mirostat_eta
        self.mu = 2 * self._target

    def narrow(self, candidates: Candidates) -> Candidates:
        """The candidates to draw from. Their logits must be divided by the temperature already."""
        return self._narrow_by_count(candidates) if self._version == 1 else self._narrow_by_surprise(candidates)

    def learn(self, probability: float) -> None:
        """Learn that the drawn token had this probability among the candidates."""
        self.mu -= self._rate * (-math.log2(probability) - self._target)

    def _narrow_by_surprise(self, candidates: Candidates) -> Candidates:
        log_total = float(candidates.peak) + math.log(total(candidates.weights()))
        return candidates.above(log_total - self.mu * math.log(2))

    def _narrow_by_count(self, candidates: Candidates) -> Candidates:
        likeliest = candidates.likeliest(NUM_FITTED)
        if len(likeliest) < 2:
            return likeliest
        ranks = np.arange(1, len(likeliest))
        steps = np.log((ranks + 1) / ranks)
        falls = -np.diff(likeliest.logits.astype(np.float64))
        slope = float(steps @ falls) / float(steps @ steps)
        return candidates.likeliest(self._count(slope, len(candidates)))

    def _count(self, slope: float, num_candidates: int) -> int:
        """Number of tokens of a Zipf distribution with this slope that have the wanted surprise."""
        excess = slope - 1
        try:
            count = (excess * 2**self.mu / (1 - num_candidates**-excess)) ** (1 / slope)
        except (ZeroDivisionError, OverflowError):
            return num_candidates
        return max(1, int(min(count, num_candidates))) if isinstance(count, float) else 1
