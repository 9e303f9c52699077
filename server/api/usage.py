"""OpenAI's `usage` object."""

from __future__ import annotations

from typing import Any

from server.answers.usage import Usage


def usage_object(usage: Usage) -> dict[str, Any]:
    """The counts as the completions endpoints report them."""
    return {
        "prompt_tokens": usage.num_prompt_tokens,
        "completion_tokens": usage.num_completion_tokens,
        "total_tokens": usage.num_prompt_tokens + usage.num_completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.num_cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.num_reasoning_tokens},
    }
