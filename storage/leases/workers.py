"""The name under which a worker keeps responses and conversations, and whether a worker of that name still lives.

A process of this machine is known to be dead at once; one of another machine, or of another container or user, only by
its silence: its leases run out. It does not know the database.
"""

from __future__ import annotations

import os
import secrets
from functools import lru_cache
from pathlib import Path

_PROC = Path("/proc")
_START_TIME_FIELD = 19
"""Place of the start time in /proc/PID/stat, counted from the field behind the program's name, which is the state."""

_DEAD_STATES = ("Z", "X")


def own_name() -> str:
    """Name of this process alone: `machine:pid:start time`, or a random one where the system does not say these."""
    pid = os.getpid()
    started = _start_time(pid) if _PROC.joinpath("self").exists() else None
    if started is None:
        return f"unknown:{pid}:{secrets.token_hex(8)}"
    return f"{_machine()}:{pid}:{started}"


def is_dead(name: str | None) -> bool:
    """Whether the process of that name certainly runs no more; False if that cannot be known from here."""
    return _is_running(name) is False


def is_alive(name: str | None) -> bool:
    """Whether the process of that name certainly runs; False if that cannot be known from here."""
    return _is_running(name) is True


def _is_running(name: str | None) -> bool | None:
    machine, _, rest = (name or "").partition(":")
    pid, _, started = rest.partition(":")
    if machine != _machine() or not pid.isdigit():
        return None
    try:
        return _start_time(int(pid)) == started
    except OSError:  # for want of file descriptors, say
        return None


@lru_cache(maxsize=1)
def _machine() -> str:
    """Name of this start of the kernel and this view of its processes: where a number means one process."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        namespace = (_PROC / "self/ns/pid").stat().st_ino
    except OSError:
        return secrets.token_hex(8)
    return f"{boot}/{namespace}/{os.getuid()}"


def _start_time(pid: int) -> str | None:
    """Start of a living process, in ticks since the start of the kernel."""
    try:
        after_name = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if after_name[0] in _DEAD_STATES else after_name[_START_TIME_FIELD]
