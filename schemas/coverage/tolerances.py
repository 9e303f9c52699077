"""Tolerated parameters are of their JSON type all the same: another one is a mistake that its client wants to hear of.

Values are not looked at, since newer clients know newer ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.coverage.rows import JSONType
from schemas.coverage.table import PARAMETERS
from schemas.fields.base import shown
from schemas.fields.errors import SchemaError
from schemas.fields.json_schema import JSONSchema, an_object, nullable

CODE = "invalid_type"

TOLERATED = {
    endpoint: [(row.name, row.json_type) for row in rows if row.json_type] for endpoint, rows in PARAMETERS.items()
}
TYPES: dict[JSONType, tuple[type, str]] = {
    "string": (str, "a string"),
    "integer": (int, "an integer"),
    "boolean": (bool, "true or false"),
    "array": (list, "an array"),
    "object": (dict, "an object"),
}
"""By JSON's name, what decoding makes of it and how an error says it."""


def check_tolerated(endpoint: str, body: Mapping[str, Any]) -> None:
    """Raise SchemaError for a tolerated parameter of a wrong type; null is "not given"."""
    for name, json_type in TOLERATED[endpoint]:
        outer, _, inner = name.partition(".")
        value = body.get(outer)
        if inner:
            _check(outer, value, "object")
            value = (value or {}).get(inner)
        _check(name, value, json_type)


def tolerated_properties(endpoint: str) -> dict[str, JSONSchema]:
    """The types of the tolerated parameters, as members of the body's JSON Schema."""
    properties: dict[str, JSONSchema] = {}
    for name, json_type in TOLERATED.get(endpoint, ()):
        outer, _, inner = name.partition(".")
        one = nullable({"type": json_type})
        properties[outer] = nullable(an_object({}, {inner: one})) if inner else one
    return properties


def _check(name: str, value: Any, json_type: JSONType) -> None:
    python_type, words = TYPES[json_type]
    if value is not None and type(value) is not python_type:
        raise SchemaError(f"'{name}' must be {words}, got {shown(value)}.", name, CODE)
