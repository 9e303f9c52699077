"""llama.cpp's log: passed on to Python's logging, and at hand when a call fails without a reason.

llama.cpp returns NULL and logs why. `captured` keeps the errors that it logged, so that the user can be told the
reason. It knows nothing of models.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import llama_cpp.llama_cpp as llama

logger = logging.getLogger("llama.cpp")

LEVELS = {1: logging.DEBUG, 2: logging.DEBUG, 3: logging.WARNING, 4: logging.ERROR}
"""Python's level by `enum ggml_log_level` (ggml.h). INFO there is chatter to a server's operator, so it is debug."""

TOLD = ("offloaded ", "using device ")
"""Parts of such chatter that operators do want to know: which devices have how many layers of the model."""

CONTINUED = 5
"""Level of a text that belongs to the line before it."""


@dataclass
class Complaints:
    """Errors that llama.cpp logged, or all that it did."""

    is_for_all: bool = False
    lines: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """The errors in order, without repetition and without the names of llama.cpp's functions."""
        texts = [line.split(": ", 1)[-1].strip() for line in self.lines]
        return "; ".join(dict.fromkeys(text for text in texts if text))


_captures: list[Complaints] = []
_last_level = logging.DEBUG


def _on_log(level: int, text: bytes, _user_data: ctypes.c_void_p) -> None:
    global _last_level
    line = text.decode(errors="replace").rstrip()
    if level != CONTINUED:
        _last_level = LEVELS.get(level, logging.DEBUG)
        if _last_level == logging.DEBUG and any(told in line for told in TOLD):
            _last_level = logging.INFO
    if not line.strip(". "):
        return
    logger.log(_last_level, "%s", line)
    for capture in _captures:
        if capture.is_for_all or _last_level >= logging.ERROR:
            capture.lines.append(line)


_callback = llama.llama_log_callback(_on_log)  # llama.cpp keeps the pointer: this must live as long as the process


def install() -> None:
    """Send llama.cpp's log to Python's from now on."""
    llama.llama_log_set(_callback, ctypes.c_void_p(0))


@contextmanager
def captured(is_for_all: bool = False) -> Iterator[Complaints]:
    """Collect llama.cpp's errors, or all that it says, while the block runs."""
    complaints = Complaints(is_for_all)
    _captures.append(complaints)
    try:
        yield complaints
    finally:
        _captures.remove(complaints)
