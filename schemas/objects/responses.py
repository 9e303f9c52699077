"""`/v1/responses`: the Response object, in OpenAI's fields and order, and what else that API answers with.

Items, tools and choices stay as they were written or made: dicts, whose kinds others know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from schemas.objects.timings import Timings
from schemas.objects.usage import ResponseUsage

Status = Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]


class ConversationId(msgspec.Struct, frozen=True, kw_only=True):
    """The conversation that a response belongs to."""

    id: str


class ResponseError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a response has failed, by the nearest of OpenAI's codes."""

    code: str
    message: str


class IncompleteDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Why a response is incomplete; null if OpenAI has no word for it."""

    reason: str | None


class ReasoningOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How long the model was to think, and whether its thoughts are told as a summary, too."""

    effort: str | None
    summary: str | None


class ResponseText(msgspec.Struct, frozen=True, kw_only=True):
    """What the text has to be, as the client wrote it."""

    format: Mapping[str, Any]


class PromptReference(msgspec.Struct, frozen=True, kw_only=True):
    """The saved prompt whose text the instructions are, with the values of its variables."""

    id: str
    variables: Mapping[str, str]
    version: str


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the conversation the model did not see."""

    turns: int
    items: int


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """A response at some moment. `dropped` is there only if something had to be left out, `prompt` if one was used.

    `completed_at`, `usage` and `timings` come with its end, whatever that is.
    """

    id: str
    object: Literal["response"] = "response"
    created_at: int
    status: Status
    background: bool
    completed_at: int | None = None
    conversation: ConversationId | None
    error: ResponseError | None = None
    frequency_penalty: float
    incomplete_details: IncompleteDetails | None = None
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: None = None
    model: str
    output: Sequence[Mapping[str, Any]] = ()
    parallel_tool_calls: bool
    presence_penalty: float
    previous_response_id: str | None
    prompt_cache_key: str | None
    prompt_cache_retention: str | None
    reasoning: ReasoningOptions
    safety_identifier: str | None
    service_tier: Literal["default"] = "default"
    store: bool
    temperature: float
    text: ResponseText
    tool_choice: Any
    tools: Sequence[Mapping[str, Any]]
    top_logprobs: int
    top_p: float
    truncation: str
    usage: ResponseUsage | None = None
    user: None = None
    metadata: Mapping[str, str]
    timings: Timings | None = None
    dropped: Dropped | msgspec.UnsetType = msgspec.UNSET
    prompt: PromptReference | msgspec.UnsetType = msgspec.UNSET


class ResponseDeleted(msgspec.Struct, frozen=True, kw_only=True):
    """A response that is gone."""

    id: str
    object: Literal["response"] = "response"
    deleted: bool = True


class InputTokens(msgspec.Struct, frozen=True, kw_only=True):
    """How many tokens a request's prompt has."""

    object: Literal["response.input_tokens"] = "response.input_tokens"
    input_tokens: int


class CompactedResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation that was compacted."""

    id: str
    object: Literal["response.compaction"] = "response.compaction"
    created_at: int
    output: Sequence[Mapping[str, Any]]
    usage: ResponseUsage
