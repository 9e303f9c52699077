"""How long an answer took, in llama-server's words. It does not know who measured."""

from __future__ import annotations

import msgspec


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of the prompt that were computed and of all choices, and their milliseconds; the last two are ours."""

    cache_n: int
    """Tokens of the prompt that were not computed again."""
    prompt_n: int
    prompt_ms: float
    prompt_per_token_ms: float
    prompt_per_second: float
    predicted_n: int
    predicted_ms: float
    predicted_per_token_ms: float
    predicted_per_second: float
    first_token_ms: float | None
    """From the request to the first part of the answer; None if there was none."""
    queue_ms: float | None
    """Of those, the wait for a slot; None if it never had one, or the model's backend does not tell."""


def timings(
    num_cached_tokens: int,
    num_computed_tokens: int,
    prompt_seconds: float,
    num_completion_tokens: int,
    completion_seconds: float,
    *,
    first_token_seconds: float | None,
    queue_seconds: float | None,
) -> Timings:
    """The object for these counts and times; of what there is none, the speed is 0."""
    return Timings(
        cache_n=num_cached_tokens,
        prompt_n=num_computed_tokens,
        prompt_ms=prompt_seconds * 1000,
        prompt_per_token_ms=_ratio(prompt_seconds * 1000, num_computed_tokens),
        prompt_per_second=_ratio(num_computed_tokens, prompt_seconds),
        predicted_n=num_completion_tokens,
        predicted_ms=completion_seconds * 1000,
        predicted_per_token_ms=_ratio(completion_seconds * 1000, num_completion_tokens),
        predicted_per_second=_ratio(num_completion_tokens, completion_seconds),
        first_token_ms=_milliseconds(first_token_seconds),
        queue_ms=_milliseconds(queue_seconds),
    )


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def _ratio(dividend: float, divisor: float) -> float:
    return dividend / divisor if divisor else 0.0
