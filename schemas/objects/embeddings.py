"""`POST /v1/embeddings`: vectors, as numbers or as base64 of their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec


class Embedding(msgspec.Struct, frozen=True, kw_only=True):
    """The vector of one text; base64 carries 32-bit numbers, little-endian."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: str | list[float]


class EmbeddingUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of all texts; nothing is generated, so that both numbers are equal."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(msgspec.Struct, frozen=True, kw_only=True):
    """The vectors of a request, in the order of its texts."""

    object: Literal["list"] = "list"
    data: Sequence[Embedding]
    model: str
    usage: EmbeddingUsage
