"""Public ids: their form, checked before anything is looked up. It does not know which ids exist."""

from __future__ import annotations

import re
from typing import Any

from schemas.fields.base import StrictField, invalid, shown, wrong_type
from schemas.fields.errors import SchemaError
from schemas.fields.json_schema import Definitions, JSONSchema

MAX_ID_LENGTH = 64
"""Characters of an id; OpenAI's limit."""

CONVERSATION = "conv_"


class Id(StrictField[str]):
    """An id; one with a `prefix` begins with it.

    Items may have been named by another server, so that theirs have none.
    """

    def __init__(self, prefix: str = "", *, required: bool = False) -> None:
        super().__init__(required=required)
        self.prefix = prefix

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise wrong_type("a string", value)
        if not is_id(value, self.prefix):
            raise invalid(f"{_expected(self.prefix)}, got {shown(value)}")
        return value

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return {"type": "string", "pattern": f"^{id_pattern(self.prefix)}$"}


def id_pattern(prefix: str) -> str:
    """The regular expression of ids that begin with `prefix`, and go on."""
    return f"{prefix}[A-Za-z0-9_-]{{1,{MAX_ID_LENGTH - len(prefix)}}}"


def is_id(text: str, prefix: str = "") -> bool:
    return re.fullmatch(id_pattern(prefix), text) is not None


def check_id(text: str, param: str, prefix: str = "") -> str:
    """`text`, which was found in a request's path; raises SchemaError if it cannot be an id."""
    if not is_id(text, prefix):
        raise SchemaError(f"'{param}' {_expected(prefix)}, got {shown(text)}.", param, "invalid_value")
    return text


def _expected(prefix: str) -> str:
    begins = f"an id that begins with '{prefix}'" if prefix else "an id"
    return f"must be {begins}: at most {MAX_ID_LENGTH} letters, digits, '-' and '_'"
