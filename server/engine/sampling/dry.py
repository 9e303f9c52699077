"""DRY, "don't repeat yourself": a token that would prolong a repetition becomes less likely, the more so the longer it
is.

This is llama.cpp's own sampler, asked only about the tokens that it could change, which are those that were said
lately. To find out where a sequence breaker can begin or end, it looks at every token of the vocabulary. So rules are
made off the engine's thread, and kept. It does not know the other samplers.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import llama_cpp.llama_cpp as llama
import numpy as np

from server.engine.sampling.candidates import Logits
from server.protocol.values import SamplingParams

MAX_RULES = 16
"""Number of rules that are kept for later requests."""

TOKEN_DATA = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
"""Layout of llama.cpp's `llama_token_data`."""


def is_dry(params: SamplingParams) -> bool:
    return params.dry_multiplier != 0 and params.dry_penalty_last_n != 0


class DryRule:
    """The DRY params of a request, worked out for one vocabulary."""

    def __init__(self, vocabulary: object, params: SamplingParams, n_ctx: int) -> None:
        self.window = min(params.dry_penalty_last_n, n_ctx)
        """Number of last tokens that are looked at. llama.cpp reserves memory for them."""
        breakers = [breaker.encode() for breaker in params.dry_sequence_breakers]
        self._sampler = llama.llama_sampler_init_dry(
            vocabulary,
            params.dry_multiplier,
            params.dry_base,
            params.dry_allowed_length,
            self.window,
            (ctypes.c_char_p * len(breakers))(*breakers),
            len(breakers),
        )

    def __del__(self) -> None:
        llama.llama_sampler_free(self._sampler)

    def start(self) -> Dry:
        """A penalty for one sequence."""
        return Dry(llama.llama_sampler_clone(self._sampler), self.window)


class DryRules:
    """Makes rules, and keeps those that were used last. To be called on one thread only."""

    def __init__(self, vocabulary: object, n_ctx: int) -> None:
        self._vocabulary = vocabulary
        self._n_ctx = n_ctx
        self._rules: dict[tuple[object, ...], DryRule] = {}

    def rule(self, params: SamplingParams) -> DryRule | None:
        """The rule that the params ask for; None if they ask for none."""
        if not is_dry(params):
            return None
        key = (
            params.dry_multiplier,
            params.dry_base,
            params.dry_allowed_length,
            params.dry_penalty_last_n,
            *params.dry_sequence_breakers,
        )
        rule = self._rules.pop(key, None) or DryRule(self._vocabulary, params, self._n_ctx)
        self._rules[key] = rule
        if len(self._rules) > MAX_RULES:
            del self._rules[next(iter(self._rules))]
        return rule


class Dry:
    """DRY for one sequence; implements `sampler.Repetition`."""

    def __init__(self, sampler: object, window: int) -> None:
        self._sampler = sampler
        self._window = window
        self._num_accepted = 0

    def penalize(self, logits: Logits, history: Sequence[int]) -> None:
        """Make tokens less likely that would prolong a repetition in `history`, which only ever grows."""
        recent = history[-self._window :]
        for token in history[max(self._num_accepted, len(history) - self._window) :]:
            llama.llama_sampler_accept(self._sampler, token)
        self._num_accepted = len(history)
        data = np.zeros(len(set(recent)), dtype=TOKEN_DATA)
        data["id"] = list(set(recent))
        data["logit"] = logits[data["id"]]
        native = llama.llama_token_data_array(
            data=data.ctypes.data_as(ctypes.POINTER(llama.llama_token_data)), size=len(data), selected=-1, sorted=False
        )
        llama.llama_sampler_apply(self._sampler, ctypes.byref(native))
        logits[data["id"]] = data["logit"]

    def close(self) -> None:
        llama.llama_sampler_free(self._sampler)
