"""How many HTTP workers suit this machine; it knows nothing of the engines, which have cores of their own."""

from __future__ import annotations

import os


def num_usable_cores() -> int:
    """Logical cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_num_workers() -> int:
    num_cores = num_usable_cores()
    return 1 if num_cores < 4 else min(4, num_cores // 2)
