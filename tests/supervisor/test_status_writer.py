"""When status.json is written."""

from pathlib import Path

import pytest

from server.protocol.runtime import ModelState, ModelStatus, RuntimeDir, Status
from server.supervisor.status_writer import StatusWriter


def status(state: ModelState = "loading", progress: float | None = None, message: str = "") -> Status:
    return Status(models={"m": ModelStatus(state=state, progress=progress, message=message)}, pid=1)


@pytest.fixture
def runtime(tmp_path: Path) -> RuntimeDir:
    return RuntimeDir(tmp_path)


def test_the_first_status_is_written_at_once(runtime: RuntimeDir) -> None:
    writer = StatusWriter(runtime)
    writer.update(status(), now=0.01)
    assert runtime.read_status() == status()
    assert writer.deadline is None


def test_progress_is_held_back_for_a_fifth_of_a_second(runtime: RuntimeDir) -> None:
    writer = StatusWriter(runtime)
    writer.update(status(progress=0.1), now=10.0)
    writer.update(status(progress=0.2, message="more"), now=10.1)
    assert runtime.read_status() == status(progress=0.1)
    assert writer.deadline == pytest.approx(10.2)
    writer.update(status(progress=0.2, message="more"), now=10.2)
    assert runtime.read_status() == status(progress=0.2, message="more")
    assert writer.deadline is None


def test_a_change_of_state_is_written_at_once(runtime: RuntimeDir) -> None:
    writer = StatusWriter(runtime)
    writer.update(status(progress=0.1), now=10.0)
    writer.update(status("ready"), now=10.01)
    assert runtime.read_status() == status("ready")


def test_nothing_is_written_when_nothing_has_changed(runtime: RuntimeDir) -> None:
    writer = StatusWriter(runtime)
    writer.update(status("ready"), now=10.0)
    runtime.remove_status()
    writer.update(status("ready"), now=20.0)
    assert not runtime.status_file.exists()


def test_progress_that_was_taken_back_needs_no_writing(runtime: RuntimeDir) -> None:
    writer = StatusWriter(runtime)
    writer.update(status(progress=0.1), now=10.0)
    writer.update(status(progress=0.2), now=10.1)
    writer.update(status(progress=0.1), now=10.15)
    assert writer.deadline is None


def test_a_disk_that_refuses_is_tried_again_later(tmp_path: Path) -> None:
    runtime = RuntimeDir(tmp_path / "not-yet")
    writer = StatusWriter(runtime)
    writer.update(status(), now=10.0)
    assert writer.deadline == 15.0
    runtime.path.mkdir()
    writer.update(status(), now=15.0)
    assert runtime.read_status() == status()
