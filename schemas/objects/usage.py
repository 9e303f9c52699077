"""How many tokens an answer took, as the completions endpoints and as the Responses API count them."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Counts(Protocol):
    """Tokens of an answer, as whoever made it has counted them."""

    @property
    def num_prompt_tokens(self) -> int: ...
    @property
    def num_completion_tokens(self) -> int: ...
    @property
    def num_cached_tokens(self) -> int: ...
    @property
    def num_reasoning_tokens(self) -> int: ...


class PromptTokensDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of the prompt that were not computed again."""

    cached_tokens: int


class CompletionTokensDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of the completion that are reasoning."""

    reasoning_tokens: int


class CompletionUsage(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of a completion, over all of its choices."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails
    completion_tokens_details: CompletionTokensDetails


def completion_usage(counts: Counts) -> CompletionUsage:
    """The counts as the completions endpoints report them."""
    return CompletionUsage(
        prompt_tokens=counts.num_prompt_tokens,
        completion_tokens=counts.num_completion_tokens,
        total_tokens=counts.num_prompt_tokens + counts.num_completion_tokens,
        prompt_tokens_details=PromptTokensDetails(cached_tokens=counts.num_cached_tokens),
        completion_tokens_details=CompletionTokensDetails(reasoning_tokens=counts.num_reasoning_tokens),
    )


class InputTokensDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of the input that were not computed again; writing to the cache costs nothing here."""

    cached_tokens: int
    cache_write_tokens: int = 0


class OutputTokensDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of the output that are reasoning."""

    reasoning_tokens: int


class ResponseUsage(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of a response."""

    input_tokens: int
    input_tokens_details: InputTokensDetails
    output_tokens: int
    output_tokens_details: OutputTokensDetails
    total_tokens: int


def response_usage(counts: Counts) -> ResponseUsage:
    """The counts as the Responses API reports them."""
    return ResponseUsage(
        input_tokens=counts.num_prompt_tokens,
        input_tokens_details=InputTokensDetails(cached_tokens=counts.num_cached_tokens),
        output_tokens=counts.num_completion_tokens,
        output_tokens_details=OutputTokensDetails(reasoning_tokens=counts.num_reasoning_tokens),
        total_tokens=counts.num_prompt_tokens + counts.num_completion_tokens,
    )
