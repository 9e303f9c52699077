"""How the functions of this package are marked: those that write run in a transaction from their first statement on.

Without the mark, each query is a transaction of its own until the first change, which is right for plain reads only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "_writes"


def writes(function: F) -> F:
    """Reads what it then changes, or changes several things that belong together."""
    setattr(function, _MARK, True)
    return function


def is_writing(function: Callable[..., Any]) -> bool:
    return getattr(function, _MARK, False)
