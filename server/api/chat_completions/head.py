"""The beginning that a completion shares with all of its chunks."""

from __future__ import annotations

from typing import TypedDict


class CompletionHead(TypedDict):
    """Fields of `ChatCompletion` and `ChatCompletionChunk` that are constant over a response."""

    id: str
    created: int
    """Seconds since the epoch."""
    model: str
    system_fingerprint: str
