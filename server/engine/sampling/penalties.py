"""Repeat, presence and frequency penalties: tokens that were said lately become less likely, as in llama.cpp."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from server.engine.sampling.candidates import Logits
from server.protocol.values import SamplingParams


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
