"""The master's hold on the supervisor, without gunicorn."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from server.protocol.engine_config import EngineOptions
from server.protocol.runtime import RuntimeDir
from server.supervisor import handle as handle_module
from server.supervisor.config import ModelConfig, SupervisorConfig
from server.supervisor.handle import SupervisorHandle
from tests.live_server import alive, command_line, wait_until
from tests.processes import LISTEN, READY, fake_command, write_model


@pytest.fixture
def runtime() -> RuntimeDir:
    return RuntimeDir.create()


@pytest.fixture
def handle(runtime: RuntimeDir, tmp_path: Path) -> Iterator[SupervisorHandle]:
    options = EngineOptions(num_slots=1, num_threads=1)
    model = ModelConfig(model_id="m", options=options, path=str(write_model(tmp_path)))
    config = SupervisorConfig(
        runtime_dir=str(runtime.path), models=[model], engine_command=fake_command(LISTEN, READY), announce_url="x"
    )
    handle = SupervisorHandle(config)
    yield handle
    handle.stop()


def supervisors() -> list[psutil.Process]:
    """Those of this process itself; a live server of other tests has its own."""
    children = alive(psutil.Process().children())
    return [child for child in children if "server.supervisor" in command_line(child)]


def kill_supervisor() -> psutil.Process:
    supervisor = supervisors()[0]
    supervisor.kill()
    wait_until(lambda: not alive([supervisor]), "its death")
    return supervisor


def wait_until_ready(runtime: RuntimeDir) -> None:
    wait_until(lambda: runtime.read_status().is_ready, "the model")


def keep_running_until(handle: SupervisorHandle, caplog: pytest.LogCaptureFixture, text: str) -> None:
    def is_logged() -> bool:
        handle.keep_running()
        return text in caplog.text

    wait_until(is_logged, text)


def delays(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage().rpartition(" in ")[2] for record in caplog.records]


def test_there_is_never_more_than_one(handle: SupervisorHandle, runtime: RuntimeDir) -> None:
    handle.keep_running()
    handle.keep_running()
    wait_until_ready(runtime)
    assert len(supervisors()) == 1


def test_a_dead_one_is_replaced(handle: SupervisorHandle, runtime: RuntimeDir) -> None:
    handle.keep_running()
    wait_until_ready(runtime)
    first = kill_supervisor()
    handle.keep_running()
    wait_until_ready(runtime)
    assert supervisors() != [first]


def test_what_a_dead_one_has_said_is_forgotten(
    handle: SupervisorHandle, runtime: RuntimeDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle.keep_running()
    wait_until_ready(runtime)
    kill_supervisor()
    monkeypatch.setattr(handle_module, "COMMAND", ("cat",))
    handle.keep_running()
    assert not runtime.read_status().models


def test_only_the_first_one_invites_the_user(handle: SupervisorHandle) -> None:
    handle.keep_running()
    assert handle.config.announce_url is None


def test_stopping_waits_for_the_end_of_all(handle: SupervisorHandle, runtime: RuntimeDir) -> None:
    handle.keep_running()
    wait_until_ready(runtime)
    (supervisor,) = supervisors()
    family = [supervisor, *supervisor.children(recursive=True)]
    handle.stop()
    assert not alive(family)
    assert not runtime.path.exists()
    handle.stop()


def test_one_that_cannot_be_started_is_tried_ever_more_rarely(
    handle: SupervisorHandle, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(handle_module, "COMMAND", ("/no/such/python",))
    caplog.set_level("ERROR", "gunicorn.error")
    keep_running_until(handle, caplog, "next attempt in 2 s")
    assert delays(caplog) == ["0.5 s", "1 s", "2 s"]
    assert "/no/such/python" in caplog.text


def test_one_that_dies_at_once_does_not_start_a_storm(
    handle: SupervisorHandle, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(handle_module, "COMMAND", (sys.executable, "-c", "raise SystemExit(3)"))
    caplog.set_level("ERROR", "gunicorn.error")
    keep_running_until(handle, caplog, "next attempt in 1 s")
    assert delays(caplog) == ["0 s", "0.5 s", "1 s"]
    assert "the engine supervisor failed with exit code 3" in caplog.text


def test_a_fork_of_the_master_gives_up_its_hold(handle: SupervisorHandle, runtime: RuntimeDir) -> None:
    handle.keep_running()
    wait_until_ready(runtime)
    pid = os.fork()
    if pid == 0:
        handle.abandon()
        time.sleep(600)
        os._exit(0)
    try:
        handle.stop()
        assert not runtime.path.exists()
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
