"""The operator's own instructions, for conversations that bring none. It does not know templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from server.chat.roles import INSTRUCTION_ROLES

Message = Mapping[str, Any]


def with_system_prompt(messages: Sequence[Message], system_prompt: str | None) -> Sequence[Message]:
    """The messages, after a system message if there is no other anywhere among them."""
    if not system_prompt or any(message.get("role") in INSTRUCTION_ROLES for message in messages):
        return messages
    return [{"role": "system", "content": system_prompt}, *messages]
