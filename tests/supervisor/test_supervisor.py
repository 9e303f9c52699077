"""The supervisor process, for real, with fake engines."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.live_server import alive, wait_until
from tests.processes import LISTEN, LOADING, READY, Step, fake_command, open_files, write_model
from tests.supervisor.running import Start, model


def test_an_engine_is_started_and_becomes_ready(start: Start) -> None:
    supervisor = start(LOADING, LISTEN, READY)
    status = supervisor.wait_for_state("ready")
    assert status.pid == supervisor.engine.pid
    assert supervisor.runtime.engine_socket("m").is_socket()
    assert supervisor.runtime.read_status().pid == supervisor.process.pid


def test_an_engine_is_told_what_to_serve(start: Start, tmp_path: Path) -> None:
    supervisor = start({"record": str(tmp_path / "record")}, READY, log_level="warning")
    supervisor.wait_for_state("ready")
    config = json.loads((tmp_path / "record").read_text().split(maxsplit=2)[2])
    assert config == {
        "model_id": "m",
        "model_path": str(tmp_path / "fake.gguf"),
        "socket_path": str(supervisor.runtime.engine_socket("m")),
        "draft_model_path": None,
        "log_level": "warning",
        "needs_gpu": False,
        "asks_for_memory": False,
        "options": {
            "num_slots": 2,
            "num_threads": 3,
            "n_ctx": 512,
            "n_gpu_layers": None,
            "flash_attn": "auto",
            "cache_type_k": "f16",
            "cache_type_v": "f16",
            "max_waiting_requests": 256,
            "max_waiting_tokens": 77,
            "max_intake_mb": 32,
            "max_step_ms": 400,
            "kv_ram_mb": 0,
            "kv_disk_mb": 0,
            "kv_dir": "",
            "is_embedding": False,
            "pooling": "auto",
            "lora": [],
            "max_draft_tokens": 0,
        },
    }


def test_the_progress_of_a_slow_load_can_be_followed(start: Start, tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    supervisor = start({"sleep": 0.05}, LOADING, {"wait": str(go_on)}, READY)
    supervisor.wait_for(lambda status: status.progress == 0.5)
    go_on.touch()
    supervisor.wait_for_state("ready")


def test_a_killed_engine_is_replaced(start: Start, tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    go_on.touch()
    supervisor = start({"wait": str(go_on)}, LISTEN, READY)
    first = supervisor.wait_for_state("ready")
    go_on.unlink()
    os.kill(supervisor.engine.pid, signal.SIGKILL)
    restarting = supervisor.wait_for_state("restarting")
    assert "killed by SIGKILL" in restarting.message
    assert not supervisor.runtime.engine_socket("m").exists()
    go_on.touch()
    second = supervisor.wait_for_state("ready")
    assert second.pid != first.pid
    assert second.num_restarts == 1
    assert supervisor.runtime.engine_socket("m").is_socket()


def test_dead_engines_do_not_stay_as_zombies(start: Start) -> None:
    supervisor = start()
    for num_restarts in range(3):
        supervisor.wait_until_ready(num_restarts)
        os.kill(supervisor.engine.pid, signal.SIGKILL)
    supervisor.wait_until_ready(num_restarts=3)
    assert len(supervisor.children) == 1


def test_an_engine_that_cannot_load_is_tried_ever_more_rarely(start: Start, tmp_path: Path) -> None:
    record = tmp_path / "record"
    reason = "unsupported architecture"
    supervisor = start(
        {"record": str(record)}, {"report": {"state": "failed", "message": reason}}, {"ignore_lifeline": 1}, {"exit": 1}
    )
    assert supervisor.wait_for_state("failed").message == reason
    wait_until(lambda: record.read_text().count("\n") >= 4, "four attempts")
    times = [float(line.split()[1]) for line in record.read_text().splitlines()]
    intervals = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(interval >= delay for interval, delay in zip(intervals, (0.5, 1, 2), strict=False)), intervals


def test_a_missing_model_is_a_failure_and_no_process_is_started(start: Start, tmp_path: Path) -> None:
    supervisor = start(models=[model(path=str(tmp_path / "missing.gguf"))])
    assert "there is no model file" in supervisor.wait_for_state("failed").message
    assert not supervisor.children


def test_one_broken_model_does_not_disturb_the_other(start: Start, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.gguf")
    good = str(write_model(tmp_path))
    supervisor = start(models=[model("broken", path=missing), model("good", path=good)])
    supervisor.wait_for_state("failed", "broken")
    supervisor.wait_for_state("ready", "good")
    assert supervisor.runtime.engine_socket("good").is_socket()


def test_a_model_of_the_hub_is_fetched_first(start: Start, tmp_path: Path) -> None:
    fetched = write_model(tmp_path)
    download = fake_command(
        {"record": str(tmp_path / "download")},
        {"report": {"state": "downloading", "progress": 0.1}},
        {"report": {"state": "downloaded", "path": str(fetched)}},
        {"exit": 0},
    )
    supervisor = start(models=[model(hub_source="owner/name:*.gguf")], download_command=download, cache_dir="/cache")
    supervisor.wait_for_state("ready")
    told = json.loads((tmp_path / "download").read_text().split(maxsplit=2)[2])
    assert told == {"source": "owner/name:*.gguf", "cache_dir": "/cache"}


def test_the_user_is_invited_once_and_only_when_the_default_model_is_ready(start: Start) -> None:
    supervisor = start(announce_url="http://127.0.0.1:8000")
    supervisor.wait_for_state("ready")
    os.kill(supervisor.engine.pid, signal.SIGKILL)
    supervisor.wait_until_ready(num_restarts=1)
    supervisor.let_go()
    assert supervisor.output.read_text().count("curl http://127.0.0.1:8000/v1/chat/completions") == 1


def test_a_flood_of_output_does_not_stop_it(start: Start) -> None:
    supervisor = start({"flood": 1_000_000}, {"print": "\n" * 1000}, READY, {"close_stdout": True})
    supervisor.wait_for_state("ready")


# --- the end --------------------------------------------------------------------------------------------------------


def test_the_end_of_its_lifeline_ends_everything(start: Start) -> None:
    supervisor = start()
    supervisor.wait_for_state("ready")
    engine = supervisor.engine
    assert supervisor.let_go() == 0
    assert not alive([engine])
    assert not supervisor.runtime.path.exists()


def test_engines_that_do_not_want_to_go_are_killed(start: Start) -> None:
    stubborn: tuple[Step, ...] = ({"ignore": signal.SIGTERM}, {"ignore_lifeline": True}, LISTEN, READY)
    supervisor = start(*stubborn)
    supervisor.wait_for_state("ready")
    engine = supervisor.engine
    assert supervisor.let_go() == 0
    assert not alive([engine])


def test_engines_die_with_a_killed_supervisor(start: Start) -> None:
    supervisor = start()
    supervisor.wait_for_state("ready")
    engine = supervisor.engine
    supervisor.process.kill()
    wait_until(lambda: not alive([engine]), "the end of the engine")


def test_the_next_supervisor_removes_what_a_killed_one_left(start: Start) -> None:
    supervisor = start()
    supervisor.wait_for_state("ready")
    engine = supervisor.engine
    supervisor.process.kill()
    supervisor.process.wait()
    wait_until(lambda: not alive([engine]), "the end of the engine")
    assert supervisor.runtime.engine_socket("m").exists()
    supervisor.runtime.remove_status()
    successor = start({"sleep": 3600})
    successor.wait_for_state("loading")
    assert not successor.runtime.engine_socket("m").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_signals_meant_for_others_do_not_end_it(start: Start, number: signal.Signals) -> None:
    supervisor = start()
    supervisor.wait_for_state("ready")
    supervisor.process.send_signal(number)
    os.kill(supervisor.engine.pid, signal.SIGKILL)
    supervisor.wait_until_ready(num_restarts=1)


def test_engines_do_not_inherit_that_deafness(start: Start, tmp_path: Path) -> None:
    supervisor = start({"once": str(tmp_path / "first"), "steps": [LISTEN, READY]})
    supervisor.wait_for_state("ready")
    os.kill(supervisor.engine.pid, signal.SIGTERM)
    assert "SIGTERM" in supervisor.wait_for(lambda status: status.num_restarts == 1).message


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_an_engine_inherits_nothing_but_its_own_pipes_and_the_log(start: Start) -> None:
    supervisor = start({"print": "here"}, READY)
    supervisor.wait_for_state("ready")
    shared = open_files(supervisor.engine) & open_files(psutil.Process(supervisor.process.pid))
    # It sees both ends of its two pipes, never the lifeline of the supervisor itself.
    assert len([name for name in shared if name.startswith("pipe:")]) == 2


def test_an_idle_supervisor_sleeps(start: Start) -> None:
    supervisor = start(LISTEN, READY, {"close_stdout": True})
    supervisor.wait_for_state("ready")
    process = psutil.Process(supervisor.process.pid)
    wait_until(lambda: process.status() == psutil.STATUS_SLEEPING, "a quiet moment")
    before = process.num_ctx_switches().voluntary
    time.sleep(1)
    assert process.num_ctx_switches().voluntary - before <= 2


def test_without_a_config_it_refuses_to_run() -> None:
    run = subprocess.run([sys.executable, "-m", "server.supervisor"], input=b"", capture_output=True, check=False)
    assert run.returncode == 1
    assert b"started by gunicorn" in run.stderr
