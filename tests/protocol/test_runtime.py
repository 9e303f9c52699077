"""The runtime directory and the status in it."""

import os
import stat
import tempfile
from pathlib import Path

import pytest

from server.protocol.runtime import ModelStatus, RuntimeDir, Status

READY = ModelStatus(state="ready", pid=7)
LOADING = ModelStatus(state="loading", progress=0.42, message="reading tensors", num_restarts=3, retry_at=1.5)


def test_it_is_private_and_has_names_short_enough_for_sockets() -> None:
    runtime = RuntimeDir.create()
    try:
        assert stat.S_IMODE(runtime.path.stat().st_mode) == 0o700
        assert len(str(runtime.engine_socket("a/b"))) <= 103
    finally:
        runtime.remove()
    assert not runtime.path.exists()


def test_a_temporary_directory_that_lies_too_deep_is_avoided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    runtime = RuntimeDir.create()
    try:
        assert runtime.path.parent == Path("/tmp")
    finally:
        runtime.remove()


def test_a_status_comes_back_as_it_was_written(tmp_path: Path) -> None:
    runtime = RuntimeDir(tmp_path)
    status = Status(models={"a/b": READY, "c": LOADING}, pid=42)
    runtime.write_status(status)
    assert runtime.read_status() == status
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]


def test_before_the_first_word_and_after_the_last_the_status_is_empty(tmp_path: Path) -> None:
    runtime = RuntimeDir(tmp_path / "gone")
    assert runtime.read_status() == Status()
    runtime.remove_status()
    runtime.remove()


def test_an_empty_status_is_not_ready() -> None:
    assert not Status().is_ready


def test_all_models_must_be_ready() -> None:
    assert Status(models={"a": READY}).is_ready
    assert not Status(models={"a": READY, "b": LOADING}).is_ready


def test_models_that_are_not_loaded_at_the_start_need_not_be_ready() -> None:
    unloaded = ModelStatus(state="unloaded", load="on-demand")
    assert Status(models={"a": READY, "b": unloaded, "c": ModelStatus(state="failed", load="manual")}).is_ready
    assert not Status(models={"a": LOADING, "b": unloaded}).is_ready


def test_a_status_that_was_read_before_is_not_read_again_until_it_changes(tmp_path: Path) -> None:
    runtime = RuntimeDir(tmp_path)
    runtime.write_status(Status(models={"a": LOADING}))
    assert runtime.read_status() is runtime.read_status()
    runtime.write_status(Status(models={"a": READY}))
    assert runtime.read_status() == Status(models={"a": READY})
    runtime.remove_status()
    assert runtime.read_status() == Status()


def test_every_model_has_a_socket_of_its_own_whose_name_is_short(tmp_path: Path) -> None:
    runtime = RuntimeDir(tmp_path)
    names = {runtime.engine_socket(model_id).name for model_id in ("a", "a/b", "a_b", "x" * 1000)}
    assert len(names) == 4
    assert {len(name) for name in names} == {24}


def test_stale_sockets_are_removed_and_nothing_else(tmp_path: Path) -> None:
    runtime = RuntimeDir(tmp_path)
    runtime.engine_socket("a/b").touch()
    runtime.engine_socket("c").touch()
    runtime.write_status(Status())
    runtime.remove_engine_sockets()
    assert list(tmp_path.iterdir()) == [runtime.status_file]


def test_it_is_found_through_the_environment() -> None:
    runtime = RuntimeDir.from_environment({"_PARLEY_RUNTIME_DIR": "/run/x"})
    assert runtime is not None
    assert runtime.control_socket == Path("/run/x/supervisor.sock")
    assert RuntimeDir.from_environment({}) is None


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary directory of this test alone."""
    monkeypatch.setattr("server.protocol.runtime._short_parent", lambda: str(tmp_path))
    return tmp_path


def test_what_is_held_stays_and_what_is_abandoned_goes(temporary: Path) -> None:
    running, abandoned = RuntimeDir.create(), RuntimeDir.create()
    for runtime in (running, abandoned):
        runtime.write_status(Status())
        runtime.engine_socket("a/b").touch()
    abandoned.let_go()
    RuntimeDir.remove_abandoned()
    assert [path.name for path in temporary.iterdir()] == [running.path.name]
    running.let_go()
    RuntimeDir.remove_abandoned()
    assert list(temporary.iterdir()) == []


def test_one_process_that_holds_it_is_enough(temporary: Path) -> None:
    runtime = RuntimeDir.create()
    other = RuntimeDir(runtime.path).hold()
    runtime.let_go()
    RuntimeDir.remove_abandoned()
    assert runtime.path.exists()
    os.close(other)
    RuntimeDir.remove_abandoned()
    assert not runtime.path.exists()


def test_nothing_else_is_removed(temporary: Path) -> None:
    kept = ["parley-test-abcdefgh", "parley-ABCDEFGH", "parley-12345678", "other"]
    for name in kept:
        (temporary / name).mkdir()
    (temporary / "parley-12345678" / "thesis.txt").touch()
    (temporary / "elsewhere").mkdir()
    (temporary / "parley-87654321").symlink_to(temporary / "elsewhere")
    (temporary / "parley-aaaaaaaa").touch()
    RuntimeDir.remove_abandoned()
    assert {path.name for path in temporary.iterdir()} == {*kept, "elsewhere", "parley-87654321", "parley-aaaaaaaa"}
