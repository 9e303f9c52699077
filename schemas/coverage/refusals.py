"""Refusing by name what the coverage table says is not supported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.coverage.table import PARAMETERS
from schemas.fields.errors import SchemaError

CODE = "unsupported_parameter"

REFUSED = {endpoint: tuple(row for row in rows if row.status == "refused") for endpoint, rows in PARAMETERS.items()}


def refuse_unsupported(endpoint: str, body: Mapping[str, Any]) -> None:
    """Raise SchemaError if the body asks for something that this endpoint cannot honour."""
    for row in REFUSED[endpoint]:
        value = body.get(row.name)
        if value is not None and not row.is_neutral(value, body):
            raise SchemaError(f"'{row.name}' is not supported: {row.note}.", row.name, CODE)
