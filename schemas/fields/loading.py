"""Loading by a schema, with the first problem as the error. Which schema it is does not matter here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError

from schemas.fields.base import RequestSchema
from schemas.fields.errors import first_problem


def load(schema: RequestSchema, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that were given, as the schema makes them; raises SchemaError."""
    try:
        loaded: dict[str, Any] = schema.load(given)
    except ValidationError as error:
        raise first_problem(error.messages_dict) from None
    return loaded
