"""How long a step takes on this machine with this model, learned from the steps themselves.

Knows counts of tokens and durations; it does not know sequences, clocks or what the steps were for.
"""

from __future__ import annotations

SMOOTHING = 0.2
"""Weight of the newest step in the moving averages."""

FIRST_PREFILL_TOKENS = 32
"""Size of the first chunk, while the cost of a token is still unknown."""

MIN_PREFILL_TOKENS = 16
"""A smaller chunk would make a prompt wait for ever behind running sequences."""


class StepCost:
    """Sizes prefill chunks so that a step stays within a time.

    A step with `d` sequences decoding and `p` prefill tokens is taken to last decode(d) + p * prefill, both of which
    are moving averages, decode(d) by the number of sequences.
    """

    def __init__(self, max_step_seconds: float, max_idle_step_seconds: float, max_tokens: int) -> None:
        self._max_step_seconds = max_step_seconds
        self._max_idle_step_seconds = max_idle_step_seconds
        self._max_tokens = max_tokens
        self._seconds_by_num_decoding: dict[int, float] = {0: 0.0}
        self._seconds_per_prefill_token: float | None = None

    def max_prefill_tokens(self, num_decoding: int) -> int:
        """How many prefill tokens fit into the next step beside `num_decoding` sequences."""
        if self._seconds_per_prefill_token is None:
            return min(FIRST_PREFILL_TOKENS, self._max_tokens)
        target = self._max_step_seconds if num_decoding else self._max_idle_step_seconds
        seconds_left = target - self._decode_seconds(num_decoding)
        fitting = int(seconds_left / self._seconds_per_prefill_token)
        return max(MIN_PREFILL_TOKENS, min(fitting, self._max_tokens - num_decoding))

    def learn(self, num_decoding: int, num_prefill: int, seconds: float) -> None:
        """Account for a step that took `seconds`."""
        if num_prefill == 0:
            known = self._seconds_by_num_decoding.get(num_decoding)
            self._seconds_by_num_decoding[num_decoding] = _smooth(known, seconds)
            return
        per_token = max(seconds - self._decode_seconds(num_decoding), 1e-6) / num_prefill
        self._seconds_per_prefill_token = _smooth(self._seconds_per_prefill_token, per_token)

    def _decode_seconds(self, num_decoding: int) -> float:
        """What `num_decoding` sequences cost, from the nearest count that has been seen."""
        nearest = min(self._seconds_by_num_decoding, key=lambda known: abs(known - num_decoding))
        return self._seconds_by_num_decoding[nearest]


def _smooth(known: float | None, newest: float) -> float:
    return newest if known is None else known + SMOOTHING * (newest - known)
