"""Where the threads of an engine run: OpenMP's on a core each, which the supervisor asks for, and all others anywhere.

New threads and processes inherit the cores of whoever starts them, so those that are started by one of OpenMP's
threads, such as the engine's own, would crowd on its core. Must be imported before llama.cpp is.
"""

from __future__ import annotations

import os
import threading

_CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
"""Those that the process may run on; macOS binds no threads."""


def run_anywhere() -> None:
    """Let the calling thread, and what it starts, run on any core."""
    if _CORES is not None:
        os.sched_setaffinity(0, _CORES)


class Thread(threading.Thread):
    """One that runs anywhere."""

    def run(self) -> None:
        run_anywhere()
        super().run()
