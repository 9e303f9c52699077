"""Orders at the control socket of a real supervisor, with fake engines."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

import psutil

from server.protocol.control import ControlConnection, Order
from tests.live_server import alive, wait_until
from tests.processes import LISTEN, READY, Step, write_model
from tests.supervisor.running import RunningSupervisor, Start, model


def on_demand(start: Start, tmp_path: Path, *steps: Step) -> RunningSupervisor:
    supervisor = start(*steps, models=[model(path=str(write_model(tmp_path)), load="on-demand")])
    supervisor.wait_for_state("unloaded")
    return supervisor


def test_models_are_listed_with_their_states(start: Start, tmp_path: Path) -> None:
    path = str(write_model(tmp_path))
    supervisor = start(models=[model("a", path=path), model("b/c", path=path, load="manual")])
    supervisor.wait_for_state("ready", "a")
    answer = supervisor.order("list", "")
    assert [(name, status.state) for name, status in answer.models.items()] == [("a", "ready"), ("b/c", "unloaded")]
    assert answer.code == ""


def test_a_model_is_loaded_and_unloaded_and_its_engine_ends(start: Start, tmp_path: Path) -> None:
    supervisor = start(models=[model(path=str(write_model(tmp_path)), load="manual")])
    supervisor.wait_for_state("unloaded")
    for _ in range(3):
        assert supervisor.order("load").models["m"].state == "loading"
        supervisor.wait_for_state("ready")
        engine = supervisor.engine
        assert supervisor.order("unload").models["m"].state == "unloading"
        assert supervisor.wait_for_state("unloaded").pid is None
        assert not alive([engine])
        assert not alive(supervisor.children)


def test_unloading_waits_for_running_answers_unless_it_is_forced(start: Start, tmp_path: Path) -> None:
    supervisor = start({"busy": str(tmp_path / "done")}, LISTEN, READY)
    supervisor.wait_for_state("ready")
    supervisor.order("unload")
    time.sleep(0.5)
    assert supervisor.order("list", "").models["m"].state == "unloading"
    assert supervisor.order("unload", force=True).code == ""
    supervisor.wait_for_state("unloaded")
    supervisor.order("load")
    supervisor.wait_for_state("ready")
    supervisor.order("unload")
    supervisor.wait_for_state("unloading")
    (tmp_path / "done").touch()
    supervisor.wait_for_state("unloaded")


def test_whoever_wants_a_model_is_answered_when_it_is_ready(start: Start, tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    supervisor = on_demand(start, tmp_path, {"record": str(tmp_path / "starts")}, {"wait": str(go_on)}, LISTEN, READY)
    connections = [ControlConnection(supervisor.runtime.control_socket) for _ in range(50)]
    for connection in connections:
        connection.send(Order(verb="want", model="m"))
    supervisor.wait_for_state("loading")
    go_on.touch()
    for connection in connections:
        with connection:
            assert connection.receive().models["m"].state == "ready"
    assert (tmp_path / "starts").read_text().count("\n") == 1


def test_whoever_wants_a_model_is_told_why_it_fails(start: Start, tmp_path: Path) -> None:
    supervisor = on_demand(start, tmp_path, {"report": {"state": "failed", "message": "no room"}}, {"exit": 1})
    answer = supervisor.order("want")
    assert (answer.code, answer.message, answer.models["m"].state) == ("model_not_ready", "no room", "failed")


def test_whoever_was_answered_does_not_want_the_model_any_more(start: Start, tmp_path: Path) -> None:
    supervisor = on_demand(start, tmp_path)
    with ControlConnection(supervisor.runtime.control_socket) as connection:
        assert connection.ask(Order(verb="want", model="m")).models["m"].state == "ready"
        supervisor.order("unload")
        supervisor.wait_for_state("unloaded")
        time.sleep(0.2)
        assert supervisor.order("list", "").models["m"].state == "unloaded"


def test_a_load_ends_with_the_last_who_waited(start: Start, tmp_path: Path) -> None:
    supervisor = on_demand(start, tmp_path, {"sleep": 3600})
    with ControlConnection(supervisor.runtime.control_socket) as connection:
        connection.send(Order(verb="want", model="m"))
        supervisor.wait_for_state("loading")
        engine = supervisor.engine
    supervisor.wait_for_state("unloaded")
    wait_until(lambda: not alive([engine]), "the end of the engine")


def test_a_load_goes_on_for_those_who_come_back(start: Start, tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    supervisor = on_demand(start, tmp_path, {"wait": str(go_on)}, LISTEN, READY)
    with ControlConnection(supervisor.runtime.control_socket) as connection:
        connection.send(Order(verb="want", model="m"))
        supervisor.wait_for_state("loading")
        connection.send(Order(verb="come back", model="m"))
    time.sleep(0.2)
    assert supervisor.order("list", "").models["m"].state == "loading"
    go_on.touch()
    supervisor.wait_for_state("ready")


def test_a_model_that_is_loaded_by_hand_is_not_loaded_by_who_wants_it(start: Start, tmp_path: Path) -> None:
    supervisor = start(models=[model(path=str(write_model(tmp_path)), load="manual")])
    supervisor.wait_for_state("unloaded")
    assert supervisor.order("want").code == "model_not_loaded"
    assert not supervisor.children


def test_an_engine_that_is_killed_while_it_unloads_is_unloaded(start: Start, tmp_path: Path) -> None:
    supervisor = start({"busy": str(tmp_path / "never")}, LISTEN, READY)
    supervisor.wait_for_state("ready")
    supervisor.order("unload")
    os.kill(supervisor.engine.pid, signal.SIGKILL)
    supervisor.wait_for_state("unloaded")
    assert supervisor.order("want").models["m"].state == "ready"


def test_an_engine_that_is_killed_while_it_loads_is_a_failure_that_is_told(start: Start, tmp_path: Path) -> None:
    supervisor = on_demand(start, tmp_path, {"sleep": 3600})
    with ControlConnection(supervisor.runtime.control_socket) as connection:
        connection.send(Order(verb="want", model="m"))
        supervisor.wait_for_state("loading")
        os.kill(supervisor.engine.pid, signal.SIGKILL)
        assert "SIGKILL" in connection.receive().message


def test_an_engine_that_hangs_while_it_loads_is_replaced(start: Start, tmp_path: Path) -> None:
    hangs = {"once": str(tmp_path / "first"), "steps": [{"report": {"state": "loading"}}, {"sleep": 3600}]}
    supervisor = start(hangs, LISTEN, READY, engine_timeout_seconds=0.5)
    assert supervisor.wait_for(lambda status: status.state == "ready").num_restarts == 1


def test_a_file_that_is_deleted_while_it_loads_is_told_at_the_next_attempt(start: Start, tmp_path: Path) -> None:
    supervisor = on_demand(start, tmp_path, {"sleep": 3600})
    with ControlConnection(supervisor.runtime.control_socket) as connection:
        connection.send(Order(verb="want", model="m"))
        supervisor.wait_for_state("loading")
        (tmp_path / "fake.gguf").unlink()
    supervisor.wait_for_state("unloaded")
    assert "there is no model file" in supervisor.order("want").message


def test_what_is_no_order_is_refused_and_does_no_harm(start: Start) -> None:
    supervisor = start()
    supervisor.wait_for_state("ready")
    assert supervisor.order("load", "nothing").code == "model_not_found"
    for rubbish in (b"\n", b"{}\n", b"\xff\xfe\n", b'{"verb": "dance"}\n', b"x" * 200_000, b'{"verb": "list"'):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(supervisor.runtime.control_socket))
            with suppress(ConnectionError):
                connection.sendall(rubbish)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
    assert supervisor.order("list", "").models["m"].state == "ready"


def test_connections_leave_nothing_behind(start: Start) -> None:
    supervisor = start()
    supervisor.wait_for_state("ready")
    process = psutil.Process(supervisor.process.pid)
    before = process.num_fds()
    for _ in range(50):
        supervisor.order("list", "")
    wait_until(lambda: process.num_fds() == before, "the end of all connections")


def test_the_next_supervisor_takes_orders_again(start: Start) -> None:
    first = start()
    first.wait_for_state("ready")
    first.process.kill()
    first.process.wait()
    first.runtime.remove_status()
    second = start()
    second.wait_for_state("ready")
    assert second.order("unload").code == ""
    second.wait_for_state("unloaded")
