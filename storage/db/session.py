"""How the functions of this package are marked: those that write run in a transaction from their first statement on.

Without the mark, each query is a transaction of its own until the first change, which is right for plain reads only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "_writes"
_DURABLY, _FOR_NOW = "durably", "for now"


def writes(function: F) -> F:
    """Reads what it then changes, or changes several things that belong together. It lasts once it is done."""
    setattr(function, _MARK, _DURABLY)
    return function


def writes_for_now(function: F) -> F:
    """The same, for what means nothing any more when the machine has stopped: leases. Nobody waits for the disk.

    It lasts when a process is killed; if the power fails, the last of it may be missing, as if it had not been done.
    """
    setattr(function, _MARK, _FOR_NOW)
    return function


def is_writing(function: Callable[..., Any]) -> bool:
    return getattr(function, _MARK, None) is not None


def is_durable(function: Callable[..., Any]) -> bool:
    """Of one that writes."""
    return getattr(function, _MARK, None) == _DURABLY
