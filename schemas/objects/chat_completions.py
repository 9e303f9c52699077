"""`POST /v1/chat/completions`: a completion as a whole, and the chunks of one.

Logprobs are JSON already: as objects, those of many choices would fill the memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from schemas.objects.usage import CompletionUsage


class CalledFunction(msgspec.Struct, frozen=True, kw_only=True):
    """What is called, and with which arguments, as JSON text."""

    name: str
    arguments: str


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that the client shall make."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class ChatMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What the model said; calls are there if it made any, `function_call` in the API's deprecated words."""

    role: Literal["assistant"] = "assistant"
    content: str | None
    refusal: None = None
    reasoning_content: str | msgspec.UnsetType = msgspec.UNSET
    tool_calls: Sequence[ToolCall] | msgspec.UnsetType = msgspec.UNSET
    function_call: CalledFunction | msgspec.UnsetType = msgspec.UNSET


class ChatCompletionChoice(msgspec.Struct, frozen=True, kw_only=True):
    """One of the answers that were asked for."""

    index: int
    message: ChatMessage
    logprobs: msgspec.Raw | None
    finish_reason: str


class ChatCompletion(msgspec.Struct, frozen=True, kw_only=True):
    """A chat completion that is sent as a whole."""

    id: str
    created: int
    model: str
    system_fingerprint: str
    object: Literal["chat.completion"] = "chat.completion"
    choices: Sequence[ChatCompletionChoice]
    usage: CompletionUsage


class FunctionDelta(msgspec.Struct, frozen=True, kw_only=True):
    """More of a call; the name comes once, with the first of it."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    arguments: str


class ToolCallDelta(msgspec.Struct, frozen=True, kw_only=True):
    """More of one of the calls; id and type come once."""

    index: int
    id: str | msgspec.UnsetType = msgspec.UNSET
    type: Literal["function"] | msgspec.UnsetType = msgspec.UNSET
    function: FunctionDelta


class ChatDelta(msgspec.Struct, frozen=True, kw_only=True):
    """What is new in a choice; the first delta has the role, the last one has nothing."""

    role: Literal["assistant"] | msgspec.UnsetType = msgspec.UNSET
    content: str | msgspec.UnsetType | None = msgspec.UNSET
    reasoning_content: str | msgspec.UnsetType = msgspec.UNSET
    tool_calls: Sequence[ToolCallDelta] | msgspec.UnsetType = msgspec.UNSET
    function_call: FunctionDelta | msgspec.UnsetType = msgspec.UNSET


class ChatChunkChoice(msgspec.Struct, frozen=True, kw_only=True):
    """More of one choice."""

    index: int
    delta: ChatDelta
    logprobs: msgspec.Raw | None = None
    finish_reason: str | None = None


class ChatCompletionChunk(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk of a stream. Without choices it is the beginning that all chunks of a stream share."""

    id: str
    created: int
    model: str
    system_fingerprint: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    choices: Sequence[ChatChunkChoice] | msgspec.UnsetType = msgspec.UNSET
    usage: CompletionUsage | msgspec.UnsetType | None = msgspec.UNSET
    """Only in the last chunk, if the client asked for it; null in those before it then."""
