"""The parts that a choice of an answer is made of, in the order in which they come: thoughts, text, calls, the end.

    (ReasoningText | ContentText | ToolCallStarted . ToolCallArguments*)* . End

Values only. Parts never have an empty text, except for a content that carries logprobs and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from server.protocol.values import TokenLogprob

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]
"""Why a choice ended; "tool_calls" is a stop after calls that the client can make, each with all of its arguments."""


class ReasoningText(msgspec.Struct, frozen=True):
    """More of the model's thoughts before its answer."""

    text: str


class ContentText(msgspec.Struct, frozen=True):
    """More of the answer itself."""

    text: str
    logprobs: Sequence[TokenLogprob] = ()
    """Logprobs of the content's tokens that came since the last content; empty where none were asked for."""


class ToolCallStarted(msgspec.Struct, frozen=True):
    """A call whose name is known; its arguments follow. Calls are numbered from 0 as they start."""

    index: int
    call_id: str
    name: str


class ToolCallArguments(msgspec.Struct, frozen=True):
    """More of the arguments, JSON text, of a call that has started."""

    index: int
    text: str


class PromptLogprobs(msgspec.Struct, frozen=True):
    """Logprobs of the prompt's tokens from the second on, where a completion asks for them; they come first."""

    logprobs: Sequence[TokenLogprob]


class End(msgspec.Struct, frozen=True):
    """The last part of a choice."""

    finish_reason: FinishReason


OutputPart = ReasoningText | ContentText | ToolCallStarted | ToolCallArguments
"""What a model's text is taken apart into."""

ChoicePart = OutputPart | PromptLogprobs | End
"""Everything that a choice is told in."""
