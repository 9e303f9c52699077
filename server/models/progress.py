"""Progress of one download: as Reports for the supervisor and as lines for the person at the terminal.

Counts bytes over all files of a model. It does not know where they come from.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from server.models.errors import format_bytes
from server.protocol.report import Report

REPORT_INTERVAL_SECONDS = 0.25
TERMINAL_INTERVAL_SECONDS = 0.25
LOG_INTERVAL_SECONDS = 5.0

_ERASE_LINE = "\r\x1b[K"


class Progress:
    """Told of every piece of data, it speaks up at bearable intervals and at every turn of events."""

    def __init__(
        self,
        title: str,
        send: Callable[[Report], None],
        terminal: TextIO,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._title = title
        self._send = send
        self._terminal = terminal
        self._is_tty = terminal.isatty()
        self._clock = clock
        self._num_bytes = 0
        self._num_total_bytes: int | None = None
        self._num_bytes_at_start = 0
        self._started_at = 0.0
        self._next_report_at = 0.0
        self._next_line_at = 0.0
        self._last_message = ""

    @property
    def message(self) -> str:
        """The state in words: "downloading org/name: 12.3 MB of 98.4 MB (12 %), 5.1 MB/s"."""
        total = self._num_total_bytes
        if total is None:
            return self._title
        percent = f" ({self._num_bytes * 100 // total} %)" if total else ""
        return f"{self._title}: {format_bytes(self._num_bytes)} of {format_bytes(total)}{percent}{self._speed()}"

    def begin(self, num_total_bytes: int, num_bytes: int) -> None:
        """Sizes are known: of everything, and of the part that lies here already."""
        self._num_total_bytes = num_total_bytes
        self._num_bytes = self._num_bytes_at_start = num_bytes
        self._started_at = self._clock()
        self._tell(at_once=True)

    def advance(self, num_bytes: int) -> None:
        """More bytes are here; their number is negative when data had to be thrown away."""
        self._num_bytes += num_bytes
        self._tell()

    def say(self, message: str) -> None:
        """A turn of events, in words, told at once."""
        self._send(Report(state="downloading", progress=self._fraction(), message=message))
        self._write_line(message)

    def finish(self) -> None:
        """Everything is here."""
        self._tell(at_once=True)
        if self._is_tty:
            self._terminal.write("\n")
            self._terminal.flush()

    def _fraction(self) -> float | None:
        return min(1.0, self._num_bytes / self._num_total_bytes) if self._num_total_bytes else None

    def _speed(self) -> str:
        elapsed = self._clock() - self._started_at
        num_new_bytes = self._num_bytes - self._num_bytes_at_start
        return f", {format_bytes(int(num_new_bytes / elapsed))}/s" if elapsed >= 1 and num_new_bytes > 0 else ""

    def _tell(self, at_once: bool = False) -> None:
        now = self._clock()
        if at_once or now >= self._next_report_at:
            self._next_report_at = now + REPORT_INTERVAL_SECONDS
            self._send(Report(state="downloading", progress=self._fraction(), message=self.message))
        if at_once or now >= self._next_line_at:
            self._next_line_at = now + (TERMINAL_INTERVAL_SECONDS if self._is_tty else LOG_INTERVAL_SECONDS)
            self._write_state()

    def _write_state(self) -> None:
        """On a terminal the line is written over the last one; in a log every line stays, so it must be a new one."""
        if not self._is_tty and self.message == self._last_message:
            return
        self._last_message = self.message
        self._terminal.write(f"{_ERASE_LINE}{self.message}" if self._is_tty else f"{self.message}\n")
        self._terminal.flush()

    def _write_line(self, message: str) -> None:
        self._terminal.write(f"{_ERASE_LINE if self._is_tty else ''}{message}\n")
        self._terminal.flush()
