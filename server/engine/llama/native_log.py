"""llama.cpp's log: to Python's logging, and at hand when a call fails without a reason.

llama.cpp returns NULL and logs why; `captured` keeps what it logged at warning level and above so that the reason can
be told to the user. It knows nothing of models.
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
"""`enum ggml_log_level` (ggml.h); its INFO is chatter to a server's operator, so it counts as debug here."""

TOLD = ("offloaded ", "using device ")
"""What of that chatter operators want to know all the same: on which devices how many layers of the model are."""

CONTINUED = 5
"""The text belongs to the line before it."""


@dataclass
class Complaints:
    """Warnings and errors that llama.cpp logged."""

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
    if _last_level >= logging.ERROR:
        for capture in _captures:
            capture.lines.append(line)


_callback = llama.llama_log_callback(_on_log)  # llama.cpp keeps the pointer: this must live as long as the process


def install() -> None:
    """Send llama.cpp's log to Python's from now on."""
    llama.llama_log_set(_callback, ctypes.c_void_p(0))


@contextmanager
def captured() -> Iterator[Complaints]:
    """Collect llama.cpp's errors while the block runs."""
    complaints = Complaints()
    _captures.append(complaints)
    try:
        yield complaints
    finally:
        _captures.remove(complaints)
