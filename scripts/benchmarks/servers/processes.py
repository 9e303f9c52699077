"""What the processes of a server use: CPU time to the microsecond and resident memory, by the role of each.

It knows how Parley's processes can be told apart from outside; it starts and stops nothing.
"""

from __future__ import annotations

import ctypes
import time
from typing import Literal

import psutil

Role = Literal["master", "worker", "supervisor", "engine", "other"]
MODULES: dict[str, Role] = {"server.supervisor": "supervisor", "server.engine.host.process": "engine"}


def role_of(process: psutil.Process, root: psutil.Process) -> Role:
    """The master has two kinds of children: the supervisor, by its module's name, and forks of itself, the workers."""
    if process.pid == root.pid:
        return "master"
    command = process.cmdline()
    for module, role in MODULES.items():
        if module in command:
            return role
    return "worker" if process.ppid() == root.pid else "other"


def processes_of(root_pid: int) -> dict[Role, list[psutil.Process]]:
    """Every process under (and with) the one that was started, by role."""
    root = psutil.Process(root_pid)
    found: dict[Role, list[psutil.Process]] = {}
    for process in [root, *root.children(recursive=True)]:
        found.setdefault(role_of(process, root), []).append(process)
    return found


def cpu_seconds(process: psutil.Process) -> float:
    """CPU time of a process with all its threads, from its own clock where the system has one (10 ms ticks if not)."""
    clock = ctypes.c_int()
    libc = ctypes.CDLL(None)
    if hasattr(libc, "clock_getcpuclockid") and libc.clock_getcpuclockid(process.pid, ctypes.byref(clock)) == 0:
        return time.clock_gettime(clock.value)
    times = process.cpu_times()
    return float(times.user + times.system)


def total_cpu_seconds(processes: list[psutil.Process]) -> float:
    return sum(cpu_seconds(process) for process in processes)


def resident_mb(processes: list[psutil.Process]) -> float:
    """Resident memory together; pages that they share count for each of them."""
    return sum(int(process.memory_info().rss) for process in processes) / 1e6


def proportional_mb(processes: list[psutil.Process]) -> float:
    """Memory together (PSS): a page that several share counts once. Linux only."""
    return sum(int(process.memory_full_info().pss) for process in processes) / 1e6
