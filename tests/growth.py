"""The work of a function, counted: what is done for a client's words must not grow faster than they do."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def num_calls(work: Callable[[], object]) -> int:
    """Calls of Python's and C's functions while it works."""
    counted = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return counted


def growth(work: Callable[[Any], object], make: Callable[[int], Any], size: int) -> float:
    """How many times as much work is done for an input that is made twice as large."""
    small, large = make(size), make(2 * size)
    return num_calls(lambda: work(large)) / num_calls(lambda: work(small))


LINEAR = 2.3
"""Most growth that counts as linear, for sizes at which a square would show as 4."""
