"""How much memory there is for models, on machines and in containers."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from server.models.memory import memory_for_models


def test_without_a_container_it_is_what_the_machine_has_less_a_reserve(tmp_path: Path) -> None:
    total = psutil.virtual_memory().total
    assert memory_for_models(tmp_path) == total - max(512 << 20, int(total * 0.1))


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_a_containers_limit_counts_if_it_is_lower(tmp_path: Path, name: str) -> None:
    file = tmp_path / "fs/cgroup" / name
    file.parent.mkdir(parents=True)
    without = memory_for_models(tmp_path / "nothing")
    file.write_text(f"{1 << 30}\n")
    assert memory_for_models(tmp_path) == 512 << 20
    for no_limit in ("max\n", str(2**63 - 4096), "", "\n"):
        file.write_text(no_limit)
        assert memory_for_models(tmp_path) == without
