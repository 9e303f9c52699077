"""The messages of a conversation: who says what, in parts that stay apart until somebody has to join them.

It does not know how a model is shown them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

INSTRUCTION_ROLES = ("system", "developer")
"""Roles of messages that tell the model how to behave."""


class TextPart(msgspec.Struct, frozen=True):
    """A stretch of text."""

    text: str

    @property
    def as_text(self) -> str:
        """The part where only text can be shown."""
        return self.text


class MediaPart(msgspec.Struct, frozen=True):
    """An image, a file or a sound, as the client sent it; not every model takes it."""

    kind: str
    """The client's word for it, such as "input_image"."""
    data: Mapping[str, Any]
    param: str | None = None
    """Place in the request, for a refusal by models that take text only; where there is none, they are told instead
    that something was left out."""

    @property
    def as_text(self) -> str:
        """The part where only text can be shown: a note that something was left out."""
        return f"[{self.kind}: left out, since this model takes text only]"


Part = TextPart | MediaPart


class ToolCall(msgspec.Struct, frozen=True):
    """A call of a function that the model has made."""

    call_id: str
    name: str
    arguments: str
    """JSON text, as the model wrote it."""


class Message(msgspec.Struct, frozen=True):
    """One message. A result of a tool has the role "tool", and names its call."""

    role: str
    """"system", "developer", "user", "assistant" or "tool"."""
    content: tuple[Part, ...] | None = None
    """None where nothing was said, as beside a call."""
    name: str | None = None
    """Name of the participant, or of the function whose result it is."""
    reasoning: str | None = None
    """Thoughts before the content, of the assistant."""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """The content where only text can be shown."""
        return joined(self.content or ())

    @property
    def is_instruction(self) -> bool:
        """Whether it tells the model how to behave."""
        return self.role in INSTRUCTION_ROLES


def joined(content: Sequence[Part]) -> str:
    """The text of a content, each part on a line of its own."""
    return "\n".join(part.as_text for part in content)


def text_message(role: str, text: str) -> Message:
    """A message of one text."""
    return Message(role, (TextPart(text),))


def with_system_prompt(messages: Sequence[Message], system_prompt: str | None) -> tuple[Message, ...]:
    """The messages, behind the operator's instructions where nobody among them gives any."""
    if not system_prompt or any(message.is_instruction for message in messages):
        return tuple(messages)
    return (text_message("system", system_prompt), *messages)
