"""How many processor cores this process may really use, which is how many threads an engine should have.

llama.cpp gains nothing from hyper-threads and loses badly when it has more threads than cores, so siblings are counted
once, and the affinity mask and the container's CPU quota are respected. Elsewhere than on Linux it is os.cpu_count().
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from pathlib import Path

SYSFS = Path("/sys")


def num_physical_cores(sysfs: Path = SYSFS) -> int:
    """Physical cores that this process may run on, at least 1."""
    num_cores = _num_usable_cores(sysfs)
    quota = _cpu_quota(sysfs)
    if quota is not None:
        num_cores = min(num_cores, math.ceil(quota))
    return max(1, num_cores)


def are_all_cores(num_threads: int, sysfs: Path = SYSFS) -> bool:
    """Whether there is one thread for each core that this process may run on, whatever its quota of time is."""
    return num_threads == _num_usable_cores(sysfs)


def _num_usable_cores(sysfs: Path) -> int:
    return len({_siblings(sysfs, cpu) for cpu in _usable_cpus()})


def _usable_cpus() -> Iterable[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return range(os.cpu_count() or 1)


def _siblings(sysfs: Path, cpu: int) -> str:
    """Text that all hyper-threads of one core share, such as "0,4"; the number of `cpu` where it is unknown."""
    return _read(sysfs / f"devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") or str(cpu)


def _cpu_quota(sysfs: Path) -> float | None:
    """Cores' worth of time that the control group may use, None without a limit.

    A container sees its own group at the mount point, so that is where to look. Version 2 says "200000 100000" or
    "max 100000", version 1 has two files and -1 for no limit.
    """
    groups = sysfs / "fs/cgroup"
    quota, _, period = (_read(groups / "cpu.max") or "").partition(" ")
    if not quota:
        quota = _read(groups / "cpu/cpu.cfs_quota_us") or ""
        period = _read(groups / "cpu/cpu.cfs_period_us") or ""
    if not (quota.isdigit() and period.isdigit() and int(period) > 0):
        return None
    return int(quota) / int(period)


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None
