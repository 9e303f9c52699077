"""Chooses the next token from logits.

Order: logit bias, penalties, then either the likeliest token (temperature 0) or llama.cpp's samplers top-k, typical-p,
top-p, min-p, temperature and a seeded draw. Bias and penalties touch a few logits only, so they are done here in
place, which spares a pass over the vocabulary. Knows nothing of sequences, text or who asked.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from server.engine.messages import SamplingParams

Logits = npt.NDArray[np.float32]
"""Shape (n_vocab,); a view into llama.cpp's output of one row, valid until the next forward pass."""


class Chain(Protocol):
    """A llama.cpp sampler chain that ends in a draw."""

    def sample(self, row: int) -> int:
        """A token for output row `row` of the last forward pass."""

    def close(self) -> None:
        """Free what llama.cpp holds for it."""


MIN_TEMPERATURE = 1e-5
"""Below it only the likeliest token is left in any case, and logits / temperature would leave the range of a float."""


def is_greedy(params: SamplingParams) -> bool:
    """Whether these params leave a single candidate, so that no draw is needed."""
    return params.temperature < MIN_TEMPERATURE or params.top_k == 1


class Sampler:
    """The sampling of one sequence. `chain` is needed unless the params are greedy."""

    def __init__(self, params: SamplingParams, chain: Chain | None, banned: Iterable[int] = ()) -> None:
        self._params = params
        self._chain = chain
        self._banned = np.fromiter(banned, dtype=np.int64)
        self._bias_ids = np.fromiter(params.logit_bias.keys(), dtype=np.int64)
        self._biases = np.fromiter(params.logit_bias.values(), dtype=np.float32)
        self._has_penalties = penalizes(params)

    def sample(self, logits: Logits, row: int, history: Sequence[int]) -> int:
        """The next token after `history` (prompt and completion so far). Changes `logits`."""
        if self._bias_ids.size:
            logits[self._bias_ids] += self._biases
        if self._banned.size:
            logits[self._banned] = -np.inf
        if self._has_penalties:
            penalize(logits, history[-self._params.penalty_last_n :], self._params)
        if self._chain is None:
            return int(logits.argmax())
        return self._chain.sample(row)

    def close(self) -> None:
        if self._chain is not None:
            self._chain.close()
            self._chain = None


def penalizes(params: SamplingParams) -> bool:
    has_effect = params.repeat_penalty != 1 or params.presence_penalty != 0 or params.frequency_penalty != 0
    return has_effect and params.penalty_last_n > 0


def penalize(logits: Logits, window: Sequence[int], params: SamplingParams) -> None:
    """Make the tokens of `window` less likely, as llama.cpp's `llama_sampler_init_penalties` does."""
    counts = Counter(window)
    ids = np.fromiter(counts.keys(), dtype=np.int64, count=len(counts))
    times = np.fromiter(counts.values(), dtype=np.float32, count=len(counts))
    seen = logits[ids]
    seen = np.where(seen <= 0, seen * params.repeat_penalty, seen / params.repeat_penalty)
    logits[ids] = seen - times * params.frequency_penalty - params.presence_penalty


class Logprobs:
    """Logprobs (nats) of the model's own distribution at one position: softmax of the logits as they came out."""

    def __init__(self, logits: Logits) -> None:
        self._logits = logits.astype(np.float64)
        peak = float(self._logits.max())
        self._log_total = peak + math.log(float(np.exp(self._logits - peak).sum()))

    def of(self, token: int) -> float:
        return float(self._logits[token]) - self._log_total

    def top(self, num_top: int) -> list[tuple[int, float]]:
        """The `num_top` likeliest tokens with their logprobs, likeliest first."""
        if num_top == 0:
            return []
        top = np.argpartition(self._logits, -num_top)[-num_top:]
        top = top[np.argsort(-self._logits[top], kind="stable")]
        return [(int(token), self.of(int(token))) for token in top]
