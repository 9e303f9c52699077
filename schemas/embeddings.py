"""The body of POST /v1/embeddings as an `EmbeddingRequest`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.completions import Prompt, Prompts
from schemas.fields.base import Choice, Integer, RequestSchema, Text
from schemas.generation import MAX_NAME_LENGTH, load_fields

MAX_TEXTS = 2048
"""Texts in one request; OpenAI's limit."""

MAX_DIMENSIONS = 2**31 - 1


@dataclass(frozen=True)
class EmbeddingRequest:
    """Texts of which vectors are wanted. Either `texts` or `token_ids` is empty."""

    texts: list[str]
    token_ids: list[list[int]]
    """Texts as token ids, taken as they are."""
    model: str | None = None
    """None is the default model."""
    wants_base64: bool = False
    dimensions: int | None = None
    """Numbers wanted of each vector; None is all."""
    user: str | None = None


class EmbeddingSchema(RequestSchema):
    """Texts that are to be turned into vectors; `input` takes what completions take as `prompt`."""

    input = Prompts(required=True, max_prompts=MAX_TEXTS)
    model = Text(MAX_NAME_LENGTH)
    encoding_format = Choice(("float", "base64"))
    dimensions = Integer(1, MAX_DIMENSIONS)
    user = Text(MAX_NAME_LENGTH)


SCHEMA = EmbeddingSchema()


def load_embedding(body: Mapping[str, Any]) -> EmbeddingRequest:
    """The request in a decoded JSON object; raises SchemaError."""
    loaded = load_fields(SCHEMA, "embeddings", body)
    inputs: tuple[Prompt, ...] = loaded["input"]
    return EmbeddingRequest(
        texts=[text for text in inputs if isinstance(text, str)],
        token_ids=[tokens for tokens in inputs if not isinstance(tokens, str)],
        model=loaded.get("model"),
        wants_base64=loaded.get("encoding_format") == "base64",
        dimensions=loaded.get("dimensions"),
        user=loaded.get("user"),
    )
