"""How long a step takes on this machine with this model, learned from the steps themselves.

Knows counts of tokens and durations; it does not know sequences, clocks or what the steps were for.
"""

from __future__ import annotations

from server.engine.pass_cost import SMOOTHING, PassCost

FIRST_PREFILL_TOKENS = 32
"""Size of the first chunk, while the cost of a token is still unknown."""

MIN_PREFILL_TOKENS = 16
"""A smaller chunk would make a prompt wait for ever behind running sequences."""

MIN_PREFILL_SHARE = 0.25
"""Prompts get this share of a step's time, and of what decoding takes, even where decoding alone fills the step."""


class StepCost:
    """Sizes prefill chunks so that a step stays within a time.

    A step with `d` sequences decoding and `p` prefill tokens is taken to last decode(d) + p * prefill, both of which
    are moving averages. What a token of a prompt costs grows with the context before it, slowly enough to follow.
    """

    def __init__(self, max_step_seconds: float, max_idle_step_seconds: float, max_tokens: int) -> None:
        self._max_step_seconds = max_step_seconds
        self._max_idle_step_seconds = max(max_step_seconds, max_idle_step_seconds)
        self._max_tokens = max_tokens
        self._seconds_per_prefill_token: float | None = None
        self.passes = PassCost()

    @property
    def seconds_per_prefill_token(self) -> float | None:
        """None while it is unknown."""
        return self._seconds_per_prefill_token

    def max_prefill_tokens(self, num_decoding: int) -> int:
        """How many prefill tokens fit into the next step beside `num_decoding` sequences."""
        if self._seconds_per_prefill_token is None:
            return min(FIRST_PREFILL_TOKENS, self._max_tokens)
        target = self._max_step_seconds if num_decoding else self._max_idle_step_seconds
        decode_seconds = self._decode_seconds(num_decoding)
        seconds_left = max(target - decode_seconds, MIN_PREFILL_SHARE * max(target, decode_seconds))
        fitting = int(seconds_left / self._seconds_per_prefill_token)
        return max(MIN_PREFILL_TOKENS, min(fitting, self._max_tokens - num_decoding))

    def learn_prefill(self, num_decoding: int, num_prefill: int, seconds: float) -> None:
        """Account for a step with `num_prefill` tokens of prompts that took `seconds`."""
        per_token = max(seconds - self._decode_seconds(num_decoding), 1e-6) / num_prefill
        known = self._seconds_per_prefill_token
        self._seconds_per_prefill_token = per_token if known is None else known + SMOOTHING * (per_token - known)

    def _decode_seconds(self, num_decoding: int) -> float:
        return (self.passes.seconds(num_decoding) or 0.0) if num_decoding else 0.0
