"""The life of one model, with a clock that the tests turn and children that say what they are told to."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from server.protocol.engine_config import EngineOptions
from server.protocol.model_options import Device, LoadPolicy
from server.protocol.report import Report
from server.supervisor.child import Child
from server.supervisor.config import ModelConfig
from server.supervisor.launcher import Launcher
from server.supervisor.watched_model import WatchedModel
from tests.processes import write_model


class FakeChild:
    """A child without a process."""

    def __init__(self, kind: str, pid: int, path: str | None = None, draft_path: str | None = None) -> None:
        self.kind = kind
        self.pid = pid
        self.path = path
        """What an engine serves, or a download fetches."""
        self.draft_path = draft_path
        self.lines: list[bytes] = []
        self.deadline: float | None = None
        self.num_presses = 0
        self.is_closed = False
        self.is_killed = False
        self.orders: list[str] = []

    def read_lines(self) -> list[bytes]:
        lines, self.lines = self.lines, []
        return lines

    def say(self, line: bytes) -> None:
        self.orders.append(msgspec.json.decode(line)["verb"])

    def stop(self, now: float) -> None:
        self.deadline = now + 5

    def press(self, now: float) -> None:
        self.num_presses += 1
        self.deadline = now + 2

    def kill(self, now: float) -> None:
        self.is_killed = True
        self.deadline = now + 60

    def close(self) -> None:
        self.is_closed = True


class FakeLauncher:
    """Remembers what was started, in order."""

    def __init__(self) -> None:
        self.started: list[FakeChild] = []
        self.devices: list[Device] = []
        self.error: OSError | None = None

    def start_engine(self, model: ModelConfig, path: str, draft_path: str | None, device: Device) -> FakeChild:
        self.devices.append(device)
        return self._start("engine", path, draft_path)

    def start_download(self, hub_source: str) -> FakeChild:
        return self._start("download", hub_source)

    def _start(self, kind: str, path: str, draft_path: str | None = None) -> FakeChild:
        if self.error:
            raise self.error
        self.started.append(FakeChild(kind, 100 + len(self.started), path, draft_path))
        return self.started[-1]


class Life:
    """A watched model and the hands that move it."""

    def __init__(self, load: LoadPolicy = "start", now: float = 1000.0, **source: Any) -> None:
        self.now = now
        self.launcher = FakeLauncher()
        config = ModelConfig(model_id="m", load=load, options=EngineOptions(num_slots=1, num_threads=1), **source)
        self.model = WatchedModel(config, cast(Launcher, self.launcher), TIMEOUT_SECONDS)
        self.model.start(self.now)

    @property
    def child(self) -> FakeChild:
        child: Child | None = self.model.child
        assert child is not None
        return cast(FakeChild, child)

    @property
    def state(self) -> str:
        return self.model.status.state

    @property
    def message(self) -> str:
        return self.model.status.message

    def say(self, report: Report) -> None:
        self.child.lines.append(msgspec.json.encode(report))
        self.model.on_output(self.now)

    def die(self, exit_code: int) -> FakeChild:
        child = self.child
        self.model.on_exit(exit_code, self.now)
        assert child.is_closed
        return child

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.model.on_time(self.now)

    def seconds_to_retry(self) -> float:
        assert self.model.deadline is not None
        return self.model.deadline - self.now


READY = Report(state="ready")
TIMEOUT_SECONDS = 40.0


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(write_model(tmp_path))


@pytest.fixture
def local(path: str) -> Life:
    return Life(path=path)


@pytest.fixture
def hub() -> Life:
    return Life(hub_source="owner/name:file.gguf")


def test_a_file_of_this_machine_is_loaded_at_once(local: Life, path: str) -> None:
    assert (local.child.kind, local.child.path) == ("engine", path)
    assert (local.state, local.model.status.pid) == ("loading", 100)


def test_progress_and_messages_are_passed_on(local: Life) -> None:
    local.say(Report(state="loading", progress=0.4, message="reading tensors"))
    assert (local.state, local.model.status.progress, local.message) == ("loading", 0.4, "reading tensors")


def test_ready_is_ready(local: Life) -> None:
    local.say(Report(state="loading", progress=0.4, message="reading tensors"))
    local.say(READY)
    assert (local.state, local.model.status.progress, local.message) == ("ready", None, "")
    assert local.model.deadline is None


def test_output_that_is_no_report_does_no_harm(local: Life, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    local.child.lines = [b"llama.cpp says \xff", b'{"state": "dancing"}', b"{}", b"[1]"]
    local.model.on_output(local.now)
    assert local.state == "loading"
    assert "llama.cpp says" in caplog.text


# --- failing to load ------------------------------------------------------------------------------------------------


def test_a_missing_file_is_a_failure_with_its_name(tmp_path: Path) -> None:
    life = Life(path=str(tmp_path / "missing.gguf"))
    assert life.state == "failed"
    assert "missing.gguf" in life.message
    assert not life.launcher.started


def test_a_file_that_arrives_later_is_loaded_at_the_next_attempt(tmp_path: Path) -> None:
    life = Life(path=str(tmp_path / "fake.gguf"))
    write_model(tmp_path)
    life.wait(life.seconds_to_retry())
    assert life.state == "loading"
    assert life.message.startswith("trying again after this: there is no model file")


def test_the_next_attempt_is_told_in_seconds_since_the_epoch(tmp_path: Path) -> None:
    before = time.time()
    life = Life(path=str(tmp_path / "missing.gguf"))
    retry_at = life.model.status.retry_at
    assert retry_at is not None
    assert before + 0.5 <= retry_at <= time.time() + 0.5


def test_attempts_become_rarer(tmp_path: Path) -> None:
    life = Life(path=str(tmp_path / "missing.gguf"))
    delays = []
    for _ in range(9):
        delays.append(life.seconds_to_retry())
        life.wait(delays[-1])
    assert delays == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]
    assert life.model.status.num_restarts == 9


def test_nothing_happens_before_its_time(tmp_path: Path) -> None:
    life = Life(path=str(tmp_path / "missing.gguf"))
    life.wait(0.4)
    assert life.model.status.num_restarts == 0


def test_what_the_engine_gives_as_its_reason_is_the_message(local: Life) -> None:
    local.say(Report(state="failed", message="unknown model architecture: 'x'"))
    local.die(1)
    assert (local.state, local.message) == ("failed", "unknown model architecture: 'x'")
    assert local.model.status.pid is None
    assert local.seconds_to_retry() == 0.5


def test_an_engine_that_failed_but_stays_is_made_to_go(local: Life) -> None:
    local.say(Report(state="failed", message="no"))
    assert local.seconds_to_retry() == 5
    local.wait(5)
    assert local.child.num_presses == 1


def test_an_engine_that_dies_while_loading_says_how(local: Life) -> None:
    local.die(-9)
    assert (local.state, local.message) == ("failed", "the engine was killed by SIGKILL (out of memory?)")


def test_reasons_do_not_pile_up(local: Life) -> None:
    for _ in range(3):
        local.die(3)
        local.wait(local.seconds_to_retry())
    assert local.message == "trying again after this: the engine failed with exit code 3"


def test_a_machine_that_cannot_start_processes_is_a_failure(local: Life) -> None:
    local.launcher.error = OSError(11, "Resource temporarily unavailable")
    local.die(3)
    local.wait(local.seconds_to_retry())
    assert local.state == "failed"
    assert "no process could be started" in local.message


def test_no_model_at_all_is_a_failure_for_good() -> None:
    life = Life(why_none="install the demo model")
    assert (life.state, life.message) == ("failed", "install the demo model")
    assert life.model.deadline is None
    life.model.stop(life.now)
    assert life.model.is_stopped


# --- crashing -------------------------------------------------------------------------------------------------------


def test_an_engine_that_was_ready_is_replaced_at_once(local: Life) -> None:
    local.say(READY)
    local.die(-9)
    assert local.child.pid == 101
    assert local.state == "restarting"
    assert "the engine was killed by SIGKILL" in local.message
    assert local.model.status.num_restarts == 1
    local.say(Report(state="loading", progress=0.5))
    assert (local.state, local.model.status.progress) == ("restarting", 0.5)
    local.say(READY)
    assert (local.state, local.message) == ("ready", "")


def test_an_engine_that_keeps_crashing_is_slowed_down(local: Life) -> None:
    delays = []
    for _ in range(4):
        local.say(READY)
        local.wait(1)
        local.die(-6)
        if local.model.child is None:
            assert local.state == "restarting"
            delays.append(local.seconds_to_retry())
            local.wait(delays[-1])
    assert delays == [0.5, 1, 2]


def test_an_engine_that_fails_after_it_was_ready_has_crashed(local: Life) -> None:
    local.say(READY)
    local.say(Report(state="failed", message="the KV cache is corrupt"))
    local.die(1)
    assert local.state == "restarting"
    assert "the KV cache is corrupt" in local.message


def test_a_crashed_engine_that_cannot_be_loaded_again_has_failed(local: Life, path: str) -> None:
    local.say(READY)
    Path(path).unlink()
    local.die(-9)
    assert local.state == "failed"
    assert "there is no model file" in local.message


# --- the hub --------------------------------------------------------------------------------------------------------


def test_a_model_of_the_hub_is_fetched_and_then_loaded(hub: Life, path: str) -> None:
    assert (hub.child.kind, hub.state) == ("download", "downloading")
    hub.say(Report(state="downloading", progress=0.3, message="30 of 100 MB"))
    assert (hub.state, hub.model.status.progress, hub.message) == ("downloading", 0.3, "30 of 100 MB")
    hub.say(Report(state="downloaded", path=path))
    hub.die(0)
    assert (hub.child.kind, hub.child.path, hub.state) == ("engine", path, "loading")


def test_a_draft_model_of_the_hub_is_fetched_as_well(path: str) -> None:
    life = Life(path=path, draft_hub_source="owner/name:small.gguf")
    assert (life.child.kind, life.child.path, life.state) == ("download", "owner/name:small.gguf", "downloading")
    life.say(Report(state="downloaded", path=path))
    life.die(0)
    assert (life.child.kind, life.child.path, life.child.draft_path) == ("engine", path, path)


def test_two_files_of_the_hub_are_fetched_one_after_the_other(path: str) -> None:
    life = Life(hub_source="owner/name:large.gguf", draft_hub_source="owner/name:small.gguf")
    life.say(Report(state="downloaded", path=path))
    life.die(0)
    assert (life.child.kind, life.child.path, life.state) == ("download", "owner/name:small.gguf", "downloading")
    life.say(Report(state="failed", message="there is no small.gguf"))
    life.die(1)
    assert (life.state, life.message) == ("failed", "there is no small.gguf")
    life.wait(life.seconds_to_retry())
    assert (life.child.kind, life.child.path) == ("download", "owner/name:small.gguf"), "the other one is there"


def test_a_draft_model_that_is_missing_is_named(path: str, tmp_path: Path) -> None:
    life = Life(path=path, draft_path=str(tmp_path / "small.gguf"))
    assert life.state == "failed"
    assert "small.gguf" in life.message


def test_a_download_that_fails_says_why_and_is_tried_again(hub: Life) -> None:
    hub.say(Report(state="failed", message="there is no repository owner/name"))
    hub.die(1)
    assert (hub.state, hub.message) == ("failed", "there is no repository owner/name")
    hub.wait(0.5)
    assert (hub.child.kind, hub.state) == ("download", "downloading")


def test_a_download_that_dies_is_not_called_an_engine(hub: Life) -> None:
    hub.die(-9)
    assert hub.message == "the download was killed by SIGKILL (out of memory?)"


def test_a_download_that_forgets_to_say_where_the_file_is_has_failed(hub: Life) -> None:
    hub.say(Report(state="downloaded"))
    hub.die(0)
    assert hub.state == "failed"


def test_a_crashed_engine_does_not_need_the_hub(hub: Life, path: str) -> None:
    hub.say(Report(state="downloaded", path=path))
    hub.die(0)
    hub.say(READY)
    hub.die(-9)
    assert (hub.child.kind, hub.state) == ("engine", "restarting")


def test_a_file_that_has_left_the_cache_is_fetched_again(hub: Life, path: str) -> None:
    hub.say(Report(state="downloaded", path=path))
    hub.die(0)
    hub.say(READY)
    Path(path).unlink()
    hub.die(-9)
    hub.wait(hub.seconds_to_retry())
    assert (hub.child.kind, hub.state) == ("download", "downloading")


# --- stopping -------------------------------------------------------------------------------------------------------


def test_stopping_ends_the_child_and_starts_no_other(local: Life) -> None:
    local.say(READY)
    local.model.stop(local.now)
    assert (local.state, local.model.is_stopped, local.seconds_to_retry()) == ("stopped", False, 5)
    local.say(READY)
    assert local.state == "stopped"
    local.wait(5)
    assert local.child.num_presses == 1
    local.die(0)
    assert local.model.is_stopped
    assert len(local.launcher.started) == 1


def test_stopping_while_waiting_for_the_next_attempt_is_immediate(local: Life) -> None:
    local.die(3)
    local.model.stop(local.now)
    assert local.model.is_stopped
    assert local.model.deadline is None
    assert local.model.status.retry_at is None
