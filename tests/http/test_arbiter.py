"""The gunicorn master and all its processes, with signals that really kill. Engines are fake, nothing else is."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from tests.live_server import alive, wait_until
from tests.processes import LOADING, FakeServer, Step, open_files

Start = Callable[..., FakeServer]


@pytest.fixture
def start() -> Iterator[Start]:
    servers: list[FakeServer] = []

    def start(*steps: Step, **settings: Any) -> FakeServer:
        servers.append(FakeServer(*steps, **settings))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.__exit__()


def pids(processes: list[psutil.Process]) -> set[int]:
    return {process.pid for process in processes}


def test_http_answers_while_the_model_loads(start: Start) -> None:
    server = start(LOADING, {"sleep": 3600}, waits=False)
    assert server.get("/healthz")[:2] == (200, {"status": "ok"})
    wait_until(lambda: server.get("/readyz")[1]["models"].get("fake", {}).get("progress") == 0.5, "the progress")
    status, body, headers = server.get("/readyz")
    assert (status, body["status"]) == (503, "not ready")
    assert int(headers["retry-after"]) >= 1


def test_the_address_and_a_line_to_paste_are_printed(start: Start) -> None:
    server = start()
    assert f"listening at {server.origin}" in server.log
    wait_until(lambda: f"curl {server.origin}/v1/chat/completions" in server.log, "the invitation")


def test_a_model_that_cannot_be_loaded_leaves_http_up_and_is_explained(start: Start) -> None:
    server = start(model="/no/such/model.gguf", waits=False)
    wait_until(lambda: server.get("/readyz")[1]["status"] == "not ready", "the supervisor")
    status, body, _ = server.get("/readyz")
    assert status == 503
    assert body["models"]["model"]["state"] == "failed"
    assert "/no/such/model.gguf" in body["models"]["model"]["message"]
    assert server.get("/healthz")[0] == 200


# --- sudden deaths --------------------------------------------------------------------------------------------------


def test_a_killed_engine_comes_back_while_http_goes_on(start: Start) -> None:
    server = start()
    supervisors, workers, engine = pids(server.supervisors), pids(server.workers), server.engines[0]
    engine.kill()
    wait_until(lambda: server.is_ready() and pids(server.engines) - {engine.pid}, "a new engine")
    assert (pids(server.supervisors), pids(server.workers)) == (supervisors, workers)


def test_a_killed_supervisor_comes_back_with_new_engines(start: Start) -> None:
    server = start()
    wait_until(lambda: "curl http" in server.log, "the invitation")
    workers, supervisor, engine = pids(server.workers), server.supervisors[0], server.engines[0]
    supervisor.kill()
    wait_until(lambda: not alive([engine]), "the end of its engine")
    wait_until(lambda: pids(server.supervisors) - {supervisor.pid}, "a new supervisor")
    wait_until(lambda: pids(server.engines) - {engine.pid}, "a new engine")
    wait_until(server.is_ready, "the model")
    assert len(server.engines) == len(server.supervisors) == 1
    assert pids(server.workers) == workers
    assert server.log.count("curl http") == 1


def test_a_killed_worker_comes_back_and_disturbs_nobody(start: Start) -> None:
    server = start()
    others, worker = pids(server.supervisors + server.engines), server.workers[0]
    worker.kill()
    wait_until(lambda: pids(alive(server.workers)) - {worker.pid}, "a new worker")
    wait_until(server.is_alive, "an answer")
    assert pids(server.supervisors + server.engines) == others


def test_a_worker_that_was_forked_late_does_not_keep_the_supervisor_alive(start: Start) -> None:
    server = start()
    worker = server.workers[0]
    worker.kill()
    late = wait_until(lambda: [p for p in alive(server.workers) if p.pid != worker.pid], "a new worker")[0]
    wait_until(server.is_alive, "an answer")
    if sys.platform.startswith("linux"):
        lifeline = os.readlink(f"/proc/{server.supervisors[0].pid}/fd/0")
        assert lifeline in open_files(server.master)
        assert lifeline not in open_files(late)


def test_a_killed_master_takes_everything_along(start: Start) -> None:
    server = start(workers=2)
    family = server.family()
    assert len(family) == 5
    server.master.kill()
    assert server.process is not None
    server.process.wait()
    wait_until(lambda: not alive(family), "the end of all processes")
    wait_until(lambda: not server.runtime_dirs, "the end of the runtime directory")


# --- stopping -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_stop_leaves_nothing_behind(start: Start, number: signal.Signals) -> None:
    server = start(workers=2)
    assert len(server.runtime_dirs) == 1
    assert server.stop(number) == 0
    assert not server.runtime_dirs


def test_a_stop_while_the_model_loads_is_a_stop(start: Start) -> None:
    server = start({"sleep": 3600}, waits=False, graceful_timeout_seconds=3600)
    assert server.stop() == 0


def test_a_stop_while_the_workers_start_is_not_lost(start: Start) -> None:
    class ImpatientServer(FakeServer):
        def is_alive(self) -> bool:
            return "Booting worker" in self.log

    for _ in range(4):
        server = ImpatientServer(waits=False, graceful_timeout_seconds=3600)
        with server:
            assert server.stop() == 0


def test_a_ctrl_c_in_the_terminal_does_not_reach_supervisor_and_engines(start: Start) -> None:
    server = start()
    master_group = os.getpgid(server.master.pid)
    assert [os.getpgid(worker.pid) for worker in server.workers] == [master_group]
    assert master_group not in [os.getpgid(process.pid) for process in server.supervisors + server.engines]


# --- reloading ------------------------------------------------------------------------------------------------------


def test_a_reload_renews_the_workers_and_keeps_the_engines(start: Start) -> None:
    server = start()
    kept, workers = pids(server.supervisors + server.engines), pids(server.workers)
    server.master.send_signal(signal.SIGHUP)
    wait_until(lambda: alive(server.workers) and not pids(alive(server.workers)) & workers, "new workers")
    wait_until(server.is_ready, "an answer")
    assert pids(server.supervisors + server.engines) == kept


def test_a_reload_with_bad_settings_changes_nothing(start: Start) -> None:
    server = start(toml="slots = 2")
    family = pids(server.family())
    server.settings_file.write_text("slots = 'many'")
    server.master.send_signal(signal.SIGHUP)
    wait_until(lambda: "Nothing is reloaded" in server.log, "the refusal")
    assert "slots" in server.log
    assert pids(server.family()) == family
    assert server.is_ready()


def test_a_reload_with_other_models_renews_the_engines(start: Start) -> None:
    server = start(toml="slots = 2")
    engine = server.engines[0]
    server.settings_file.write_text("slots = 3")
    server.master.send_signal(signal.SIGHUP)
    wait_until(lambda: pids(server.engines) - {engine.pid}, "a new engine")
    wait_until(server.is_ready, "the model")
    assert not alive([engine])
    assert len(server.supervisors) == len(server.engines) == len(server.runtime_dirs) == 1
    assert server.stop() == 0
    assert not server.runtime_dirs
