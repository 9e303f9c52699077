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
    """Mark a function that changes what it has read, or several things that belong together. Its work lasts."""
    setattr(function, _MARK, _DURABLY)
    return function


def writes_for_now(function: F) -> F:
    """Mark a function that writes leases, which mean nothing when the machine has stopped. Nobody waits for the disk.

    Its work lasts when a process is killed. If the power fails, the last of it may be missing, as if it had not been
    done.
    """
    setattr(function, _MARK, _FOR_NOW)
    return function


def is_writing(function: Callable[..., Any]) -> bool:
    return getattr(function, _MARK, None) is not None


def is_durable(function: Callable[..., Any]) -> bool:
    """Whether the disk is waited for after this function, which writes."""
    return getattr(function, _MARK, None) == _DURABLY
