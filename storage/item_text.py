"""What an item says, as plain text, read from its JSON.

Only texts count: a picture or a file says nothing here. What a model is shown of an item is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OUTPUT_SUFFIX = "_output"
"""End of the types of items that hold what a tool has answered."""


def text_of(item: Mapping[str, Any]) -> str:
    """Texts of an item's content, one below the other; empty if it has none."""
    return _text_of(item.get("content"))


def searched_text(item: Mapping[str, Any]) -> str:
    """What can be searched of an item: a message, or the output of a tool. What a model thought is not."""
    kind = str(item.get("type") or "message")
    if kind == "message":
        return text_of(item)
    return _text_of(item.get("output")) if kind.endswith(OUTPUT_SUFFIX) else ""


def _text_of(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = (part.get("text") for part in parts if isinstance(part, Mapping))
    return "\n".join(text for text in texts if isinstance(text, str))
