"""What a request took: tokens, and patience."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Usage:
    """Counts of tokens over all prompts and choices of a request, exact once it has ended by itself."""

    num_prompt_tokens: int
    num_completion_tokens: int
    num_cached_tokens: int
    """Prompt tokens that were not computed again."""
    num_reasoning_tokens: int = 0
    """Completion tokens of thoughts and of their tags."""
    queue_seconds: float | None = None
    """For how long the first choice waited until it was computed; None where it still waits, or it is not known."""


def total(usages: Iterable[Usage]) -> Usage:
    """The usage of several requests together."""
    listed = list(usages)
    return Usage(
        sum(usage.num_prompt_tokens for usage in listed),
        sum(usage.num_completion_tokens for usage in listed),
        sum(usage.num_cached_tokens for usage in listed),
        sum(usage.num_reasoning_tokens for usage in listed),
    )
