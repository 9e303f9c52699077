"""The bodies of POST /tokenize and /detokenize, whose names are llama-server's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.completions import TOKEN_IDS, load_token_ids
from schemas.fields.base import Boolean, RequestSchema, StrictField, Text, check_length
from schemas.fields.json_schema import Definitions, JSONSchema
from schemas.fields.loading import load
from schemas.generation import MAX_NAME_LENGTH

MAX_CHARACTERS = 500_000
MAX_TOKEN_IDS = 500_000
"""Token ids of one request: as many as large contexts hold, and no more than a second's work."""


@dataclass(frozen=True)
class TokenizeRequest:
    """A text of which the tokens are wanted."""

    content: str
    model: str | None = None
    """None is the default model."""
    add_special: bool = False
    """Whether to add what the model wants at the beginning and the end of a document."""
    parse_special: bool = True
    """Whether control tokens are recognised in the text."""
    with_pieces: bool = False


@dataclass(frozen=True)
class DetokenizeRequest:
    """Tokens of which the text is wanted."""

    tokens: list[int]
    model: str | None = None
    """None is the default model."""


class TokenIds(StrictField[list[int]]):
    """An array of token ids, which may be empty."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[int]:
        if value == []:
            return []
        tokens = load_token_ids(value)
        check_length(tokens, 1, MAX_TOKEN_IDS)
        return tokens

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return {**TOKEN_IDS, "minItems": 0, "maxItems": MAX_TOKEN_IDS}


class TokenizeSchema(RequestSchema):
    content = Text(MAX_CHARACTERS, required=True)
    model = Text(MAX_NAME_LENGTH)
    add_special = Boolean()
    parse_special = Boolean()
    with_pieces = Boolean()


class DetokenizeSchema(RequestSchema):
    tokens = TokenIds(required=True)
    model = Text(MAX_NAME_LENGTH)


TOKENIZE = TokenizeSchema()
DETOKENIZE = DetokenizeSchema()


def load_tokenize(body: Mapping[str, Any]) -> TokenizeRequest:
    """The request in a decoded JSON object; raises SchemaError."""
    return TokenizeRequest(**load(TOKENIZE, body))


def load_detokenize(body: Mapping[str, Any]) -> DetokenizeRequest:
    """The request in a decoded JSON object; raises SchemaError."""
    return DetokenizeRequest(**load(DETOKENIZE, body))
