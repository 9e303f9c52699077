"""Logprobs of the model's own distribution at one position: nothing that sampling does to it shows in them."""

from __future__ import annotations

import math

from server.engine.sampling.candidates import Candidates, Logits, total


class Logprobs:
    """Natural logarithms of the softmax of logits as they came out of the model.

    Keeps its own copy, since bias, penalties and masks change logits in place. Right to about 1e-6: logits have 32
    bits.
    """

    def __init__(self, logits: Logits) -> None:
        self._candidates = Candidates(logits.copy())
        self._log_total = float(logits.max()) + math.log(total(self._candidates.weights()))

    def of(self, token: int) -> float:
        return float(self._candidates.logits[token]) - self._log_total

    def top(self, num_top: int) -> list[tuple[int, float]]:
        """The `num_top` likeliest tokens with their logprobs, likeliest first."""
        if num_top == 0:
            return []
        likeliest = self._candidates.likeliest(num_top)
        return [(token, self.of(token)) for token in map(likeliest.token, range(len(likeliest)))]
