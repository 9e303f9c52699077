"""How signals reach the supervisor's loop: each makes one file descriptor readable. Knows no processes.

The supervisor ends when its standard input does and at no other time, so that running streams outlive a Ctrl-C or a
service manager that signals every process at once. Signals are caught and not ignored, because children would inherit
that, and an engine must be able to die.
"""

from __future__ import annotations

import os
import signal
from types import FrameType

_CAUGHT = (signal.SIGCHLD, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


def catch_signals() -> int:
    """From now on the returned file descriptor becomes readable whenever a signal, such as a child's exit, arrives."""
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    for number in _CAUGHT:
        signal.signal(number, _do_nothing)
    return read_end


def forget_signals(read_end: int) -> None:
    """Make it unreadable again, until the next signal."""
    try:
        os.read(read_end, 4096)
    except BlockingIOError:
        pass


def _do_nothing(number: int, frame: FrameType | None) -> None:
    """The wake-up is all that matters."""
