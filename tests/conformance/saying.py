"""How a test tells a saying model what to say."""

from __future__ import annotations

from typing import Any


def told(text: str, slowly: bool = False) -> list[Any]:
    """Messages after which the model says `text`; slowly it is about fifty characters a second."""
    return [{"role": "user", "content": f"Say {'slowly ' * slowly}«{text}»"}]
