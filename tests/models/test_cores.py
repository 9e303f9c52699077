import os
from pathlib import Path

import psutil
import pytest

from server.models.cores import are_all_cores, num_physical_cores


@pytest.fixture
def sysfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight hardware threads on four cores, as Linux shows them."""
    for cpu in range(8):
        write(tmp_path / f"devices/system/cpu/cpu{cpu}/topology/thread_siblings_list", f"{cpu % 4},{cpu % 4 + 4}\n")
    allow(monkeypatch, set(range(8)))
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def allow(monkeypatch: pytest.MonkeyPatch, cpus: set[int]) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: cpus, raising=False)


def test_hyper_threads_of_one_core_count_once(sysfs: Path) -> None:
    assert num_physical_cores(sysfs) == 4


def test_only_cores_that_the_process_may_use_count(sysfs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    allow(monkeypatch, {0, 4, 5})
    assert num_physical_cores(sysfs) == 2


@pytest.mark.parametrize(
    ("quota", "num_cores"), [("250000 100000", 3), ("10000 100000", 1), ("9900000 100000", 4), ("max 100000", 4)]
)
def test_a_containers_quota_is_respected(sysfs: Path, quota: str, num_cores: int) -> None:
    write(sysfs / "fs/cgroup/cpu.max", quota)
    assert num_physical_cores(sysfs) == num_cores


@pytest.mark.parametrize(("quota", "num_cores"), [("200000\n", 2), ("-1\n", 4)])
def test_the_older_form_of_the_quota_is_respected(sysfs: Path, quota: str, num_cores: int) -> None:
    write(sysfs / "fs/cgroup/cpu/cpu.cfs_quota_us", quota)
    write(sysfs / "fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
    assert num_physical_cores(sysfs) == num_cores


def test_without_a_topology_every_processor_is_a_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    allow(monkeypatch, {0, 1, 2})
    assert num_physical_cores(tmp_path) == 3


def test_all_cores_are_those_of_the_machine_and_not_of_a_quota(sysfs: Path) -> None:
    write(sysfs / "fs/cgroup/cpu.max", "200000 100000")
    assert num_physical_cores(sysfs) == 2
    assert [are_all_cores(num_threads, sysfs) for num_threads in (2, 4, 8)] == [False, True, False]


def test_on_this_machine_it_is_what_psutil_counts() -> None:
    most = min(psutil.cpu_count(logical=False) or 1, len(os.sched_getaffinity(0)))
    assert 1 <= num_physical_cores() <= most
