"""How much memory this machine has for models. Elsewhere than on Linux, containers' limits are not seen."""

from __future__ import annotations

import os
from pathlib import Path

SYSFS = Path("/sys")

RESERVE_SHARE = 0.1
"""Share of the memory that is left to everything else."""

MIN_RESERVE_BYTES = 512 << 20


def memory_for_models(sysfs: Path = SYSFS) -> int:
    """Bytes for all models together: what the machine or the container has, less a reserve."""
    total = _machine_bytes()
    limit = _container_bytes(sysfs)
    if limit is not None:
        total = min(total, limit)
    return total - max(MIN_RESERVE_BYTES, int(total * RESERVE_SHARE))


def _machine_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _container_bytes(sysfs: Path) -> int | None:
    """Bytes that the control group may use, None without a limit; versions 2 and 1."""
    for name in ("fs/cgroup/memory.max", "fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = (sysfs / name).read_text().strip()
        except (OSError, UnicodeDecodeError):
            continue
        return int(text) if text.isdigit() else None
    return None
