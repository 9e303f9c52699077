"""What an item says, as plain text, read from its JSON.

Only texts count: a picture or a file says nothing here. What a model is shown of an item is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def text_of(item: Mapping[str, Any]) -> str:
    """Texts of an item's content, one below the other; empty if it has none."""
    content = item.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = (part.get("text") for part in parts if isinstance(part, Mapping))
    return "\n".join(text for text in texts if isinstance(text, str))
