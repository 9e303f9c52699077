"""The body of POST /v1/responses/compact as a `CompactionRequest`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import validates_schema

from schemas.fields.base import Boolean, RequestSchema, Text, problem
from schemas.fields.ids import Id
from schemas.generation import MAX_NAME_LENGTH, load_fields
from schemas.items import Item
from schemas.responses import RESPONSE, Input

ENDPOINT = "responses/compact"


@dataclass(frozen=True)
class CompactionRequest:
    """A conversation that a client wants summarized: what a response did, and more items."""

    input: tuple[Item, ...] = ()
    model: str | None = None
    """None is the default model."""
    instructions: str | None = None
    previous_response_id: str | None = None
    store: bool = True


class CompactionSchema(RequestSchema):
    """Which conversation is to be summarized."""

    input = Input()
    model = Text(MAX_NAME_LENGTH)
    instructions = Text()
    previous_response_id = Id(RESPONSE)
    store = Boolean()

    @validates_schema
    def _has_something(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if not data.get("input") and "previous_response_id" not in data:
            raise problem("is required unless 'previous_response_id' is given", "missing_required_parameter", "input")


SCHEMA = CompactionSchema()


def load_compaction(body: Mapping[str, Any]) -> CompactionRequest:
    """The request in a decoded JSON object; raises SchemaError."""
    return CompactionRequest(**load_fields(SCHEMA, ENDPOINT, body))
