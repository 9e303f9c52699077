"""OpenAI's `usage` object."""

from __future__ import annotations

from schemas.objects.usage import CompletionUsage, completion_usage
from server.backends.local.generation import Usage


def usage_object(usage: Usage, num_reasoning_tokens: int = 0) -> CompletionUsage:
    """The counts as the completions endpoints report them."""
    return completion_usage(usage, num_reasoning_tokens)
