"""Which cores the threads of an engine run on: OpenMP's on one core each, as the supervisor asks for, all others on
any.

New threads and processes inherit the cores of the thread that starts them. So those that are started by one of OpenMP's
threads, such as the engine's own, would crowd on its core. Must be imported before llama.cpp is.
"""

from __future__ import annotations

import os
import threading

_CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
"""The cores that the process may run on; None on macOS, which binds no threads."""


def run_anywhere() -> None:
    """Let the calling thread, and what it starts, run on any core."""
    if _CORES is not None:
        os.sched_setaffinity(0, _CORES)


class Thread(threading.Thread):
    """A thread that runs on any core."""

    def run(self) -> None:
        run_anywhere()
        super().run()
