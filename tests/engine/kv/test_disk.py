"""The threads in front of the files: what fails is said once and costs nothing but the state."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest

from server.engine.kv.disk import Disk, WasRead, WasWritten
from server.engine.kv.files import StateDir
from server.engine.kv.store import SavedState
from tests.engine.kv.test_files import PLENTY, files, state_of
from tests.live_server import wait_until


def disk_at(path: Path, max_bytes: int = PLENTY) -> tuple[Disk, list[SavedState]]:
    disk = Disk(StateDir(path, "model", max_bytes))
    return disk, disk.start()


def result_of(disk: Disk) -> WasRead | WasWritten:
    (result,) = wait_until(disk.results, "the disk")
    return result


def test_a_state_goes_to_disk_and_comes_back(tmp_path: Path) -> None:
    disk, _ = disk_at(tmp_path)
    state, data = state_of(1)
    disk.write(state, data, [])
    assert disk.wait_until_written(60)
    written = result_of(disk)
    assert isinstance(written, WasWritten)
    assert written.written is not None
    disk, (found,) = disk_at(tmp_path)
    disk.read(found)
    disk.read(found)
    read = result_of(disk)
    assert isinstance(read, WasRead)
    assert read.data is not None
    assert np.array_equal(read.data, data)
    assert not disk.is_stuck


def test_a_state_that_is_gone_or_damaged_comes_back_as_none(tmp_path: Path) -> None:
    disk, _ = disk_at(tmp_path)
    for token in (1, 2):
        disk.write(*state_of(token), [])
    assert disk.wait_until_written(60)
    disk, (gone, damaged) = disk_at(tmp_path)
    (tmp_path / "model" / str(gone.file_name)).unlink()
    with (tmp_path / "model" / str(damaged.file_name)).open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    for state in (gone, damaged):
        disk.read(state)
        read = result_of(disk)
        assert isinstance(read, WasRead)
        assert read.data is None
    assert files(tmp_path) == []


def test_a_directory_that_cannot_be_used_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "kv").write_text("a file, where a directory should be")
    with caplog.at_level(logging.WARNING):
        disk, states = disk_at(tmp_path / "kv")
        assert (states, disk.is_full) == ([], True)
        disk.write(*state_of(1), [])
        assert disk.wait_until_written(60)
    written = result_of(disk)
    assert isinstance(written, WasWritten)
    assert (written.written, written.is_failure) == (None, True)
    assert len([record for record in caplog.records if "cannot be kept on disk" in record.message]) == 1


def test_a_state_that_does_not_fit_is_no_failure(tmp_path: Path) -> None:
    disk, _ = disk_at(tmp_path, max_bytes=100)
    disk.write(*state_of(1), [])
    written = result_of(disk)
    assert isinstance(written, WasWritten)
    assert (written.written, written.is_failure) == (None, False)
