"""Contents of messages: one text, or an array of parts as in OpenAI's API. It does not know who says them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def as_parts(text: str) -> list[dict[str, str]]:
    """A content as an array of parts."""
    return [{"type": "text", "text": text}]


def joined_parts(content: object) -> str:
    """A content as one text, each part on a line of its own; empty where nothing was said."""
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content)
    return content if isinstance(content, str) else ""


def text_of(message: Mapping[str, Any]) -> str:
    """What a message says, as one text."""
    return joined_parts(message.get("content"))
