"""How a test tells a saying model what to say."""

from __future__ import annotations

from typing import Any


def told(text: str) -> list[Any]:
    """Messages after which the model says `text`."""
    return [{"role": "user", "content": f"Say «{text}»"}]
