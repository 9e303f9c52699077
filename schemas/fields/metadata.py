"""`metadata`: up to 16 pairs of strings that clients attach to an object, kept as they are."""

from __future__ import annotations

from typing import Any

from schemas.fields.base import StrictField, Text, as_object, at, check_length, invalid
from schemas.fields.errors import shortened
from schemas.fields.json_schema import Definitions, JSONSchema

MAX_PAIRS = 16
MAX_KEY_LENGTH = 64
MAX_VALUE_LENGTH = 512
"""Characters of a value. This limit and those above are OpenAI's."""


class Metadata(StrictField[dict[str, str]]):
    """An object of strings."""

    _value = Text(MAX_VALUE_LENGTH)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, str]:
        pairs = as_object(value)
        check_length(pairs, 0, MAX_PAIRS)
        for key, text in pairs.items():
            if not 1 <= len(key) <= MAX_KEY_LENGTH:
                raise invalid(f"has the key '{shortened(key)}' of {len(key)} characters, not 1 to {MAX_KEY_LENGTH}")
            with at(key):
                self._value.load(text)
        return pairs

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return {
            "type": "object",
            "propertyNames": {"minLength": 1, "maxLength": MAX_KEY_LENGTH},
            "additionalProperties": self._value.json_schema(definitions),
            "maxProperties": MAX_PAIRS,
        }
