"""How a setting names a LoRA adapter: `path` or `path:scale`. It does not know which files there are."""

from __future__ import annotations

import math


def split_adapter(text: str) -> tuple[str, float]:
    """Path and scale, which is 1 where there is none. What follows the last colon is a scale if it is a number.

    Raises ValueError for what names no adapter.
    """
    path, _, last = text.rpartition(":")
    scale = _number(last) if path else None
    if scale is None:
        path, scale = text, 1.0
    if not path or not math.isfinite(scale):
        raise ValueError(f'"{text}" names no LoRA adapter: must be like adapter.gguf or adapter.gguf:0.5')
    return path, scale


def check_adapter(text: str) -> str:
    """The text, if it names an adapter; else raises ValueError."""
    split_adapter(text)
    return text


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
