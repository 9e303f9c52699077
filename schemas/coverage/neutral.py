"""Values of unsupported parameters that ask for nothing, so that they need not be refused.

Each function gets the value, never null, and the whole body. `schemas.coverage.table` says which parameter has which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

IsNeutral = Callable[[Any, Mapping[str, Any]], bool]


def never(value: Any, body: Mapping[str, Any]) -> bool:
    """Giving the parameter at all asks for something."""
    return False


def is_false(value: Any, body: Mapping[str, Any]) -> bool:
    """A switch that is off."""
    return value is False


def is_zero(value: Any, body: Mapping[str, Any]) -> bool:
    """The number 0."""
    return value == 0 and type(value) is int


def is_empty(value: Any, body: Mapping[str, Any]) -> bool:
    """An empty string, array or object."""
    return value in ("", [], {})


def text_only(value: Any, body: Mapping[str, Any]) -> bool:
    """The modality that is the default."""
    return bool(value == ["text"])
