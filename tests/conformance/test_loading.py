"""Models that are loaded when they are needed, and unloaded when somebody says so, over HTTP."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from server.models.source import demo_model_path
from tests.conformance.slow_client import STORY, RawStream
from tests.live_server import LiveServer, alive, wait_until

CHAT = "/v1/chat/completions"


def source() -> str:
    path = demo_model_path()
    assert path is not None
    return str(path)


def entries(**loads: str) -> str:
    """A model for each name, loaded as it says, with underscores for dashes."""
    return json.dumps(
        [{"source": source(), "id": name, "load": load.replace("_", "-")} for name, load in loads.items()]
    )


def chat(model: str, max_tokens: int = 2) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": max_tokens}


def story(model: str) -> dict[str, Any]:
    return {**STORY, "model": model, "max_tokens": 400}


def engines(server: LiveServer) -> list[int]:
    return [process.pid for process in alive(server.members("server.engine.host.process"))]


def states(server: LiveServer) -> dict[str, str]:
    return {model["id"]: model["state"] for model in server.get("/v1/models")[1]["data"]}


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """Two workers; `a` and `b` are loaded on demand, `by/hand` by hand; each test leaves all of them unloaded."""
    models = [
        {"source": source(), "id": "a", "aliases": ["also/a"]},
        {"source": source(), "id": "b"},
        {"source": source(), "id": "by/hand", "load": "manual"},
    ]
    with LiveServer(workers=2, slots=2, n_ctx=512, load="on-demand", models=json.dumps(models)) as server:
        yield server


@pytest.fixture(autouse=True)
def _unloaded(server: LiveServer) -> Iterator[None]:
    yield
    for name in states(server):
        server.post(f"/v1/models/{name}/unload", {"force": True})
    wait_until(lambda: set(states(server).values()) == {"unloaded"}, "the end of all engines")


def wait_for(server: LiveServer, name: str, state: str) -> None:
    wait_until(lambda: states(server)[name] == state, f"{name} to be {state}")


def test_a_server_without_a_loaded_model_is_ready(server: LiveServer) -> None:
    assert server.get("/readyz")[0] == 200
    assert server.get("/health")[0] == 200
    assert states(server) == {"a": "unloaded", "b": "unloaded", "by/hand": "unloaded"}
    assert engines(server) == []


def test_a_request_loads_its_model_and_waits_for_it(server: LiveServer) -> None:
    for _ in range(2):
        status, answer, _ = server.post(CHAT, chat("a"))
        assert (status, answer["model"]) == (200, "a")
    assert states(server)["a"] == "ready"
    assert len(engines(server)) == 1


def test_requests_that_come_together_load_it_once_whatever_they_want(server: LiveServer) -> None:
    requests = [
        (CHAT, chat("a")),
        ("/v1/completions", {"model": "also/a", "prompt": "Hi", "max_tokens": 2}),
        ("/v1/responses", {"model": "a", "input": "Hi", "max_output_tokens": 16}),
        ("/v1/responses", {"model": "a", "input": "Hi", "max_output_tokens": 16, "store": False}),
        ("/v1/responses/input_tokens", {"model": "a", "input": "Hi"}),
        ("/tokenize", {"model": "a", "content": "Hi"}),
        ("/apply-template", chat("a")),
    ]
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda path=path, body=body: found.append(server.post(path, body)[0]))
        for path, body in requests * 3
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * len(threads)
    assert len(engines(server)) == 1


def test_a_model_is_loaded_and_unloaded_by_order(server: LiveServer) -> None:
    status, model, _ = server.post("/v1/models/by/hand/load", {"device": "cpu"})
    assert (status, model["id"], model["object"], model["state"]) == (202, "by/hand", "model", "loading")
    wait_for(server, "by/hand", "ready")
    assert server.post("/v1/models/by/hand/load", {})[0] == 200
    assert server.post(CHAT, chat("by/hand"))[0] == 200
    status, model, _ = server.request("POST", "/v1/models/by/hand/unload")
    assert (status, model["state"]) == (202, "unloading")
    wait_for(server, "by/hand", "unloaded")
    assert server.post("/v1/models/by/hand/unload", {})[0] == 200
    assert engines(server) == []


def test_a_model_for_which_only_orders_count_is_not_loaded_by_a_request(server: LiveServer) -> None:
    status, answer, headers = server.post(CHAT, chat("by/hand"))
    assert (status, answer["error"]["code"]) == (503, "model_not_loaded")
    assert "POST /v1/models/by/hand/load" in answer["error"]["message"]
    assert (headers["retry-after"], headers["x-should-retry"]) == ("60", "false")
    assert engines(server) == []


def test_the_orders_of_llama_servers_router_are_taken(server: LiveServer) -> None:
    assert server.post("/models/load", {"model": "by/hand"})[:2] == (200, {"success": True})
    wait_for(server, "by/hand", "ready")
    assert server.post("/models/unload", {"model": "by/hand"})[:2] == (200, {"success": True})
    wait_for(server, "by/hand", "unloaded")


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        ("/v1/models/nothing/load", {}, 404, "model"),
        ("/v1/models/nothing/unload", {}, 404, "model"),
        ("/v1/models/load", {"model": "nothing"}, 404, "model"),
        ("/v1/models/unload", {}, 400, "model"),
        ("/v1/models/a/load", {"device": "tpu"}, 400, "device"),
        ("/v1/models/a/load", {"device": 5}, 400, "device"),
        ("/v1/models/a/unload", {"force": "yes"}, 400, "force"),
    ],
)
def test_orders_that_make_no_sense_are_refused(
    server: LiveServer, path: str, body: dict[str, Any], status: int, param: str
) -> None:
    found, answer, _ = server.post(path, body)
    assert (found, answer["error"]["param"]) == (status, param)


def test_pages_of_other_sites_must_not_give_orders(server: LiveServer) -> None:
    for path in ("/v1/models/a/load", "/models/a/unload", "/models/load"):
        answer = server.request("POST", path, b"{}", {"Origin": "https://elsewhere.example"})
        assert (answer[0], answer[1]["error"]["code"]) == (403, "origin_not_allowed")


def test_what_needs_a_gpu_fails_where_there_is_none(server: LiveServer) -> None:
    pytest.importorskip("llama_cpp")
    from llama_cpp import llama_cpp

    if llama_cpp.llama_supports_gpu_offload():
        pytest.skip("there is a GPU")
    server.post("/v1/models/a/load", {"device": "gpu"})
    wait_for(server, "a", "failed")
    status, answer, _ = server.post(CHAT, chat("a"))
    assert status == 503
    assert "there is no GPU" in answer["error"]["message"]
    server.post("/v1/models/a/unload", {})
    server.post("/v1/models/a/load", {"device": "auto"})
    wait_for(server, "a", "ready")


def test_unloading_lets_answers_end_and_the_next_request_loads_again(server: LiveServer) -> None:
    server.post(CHAT, chat("a"))
    (first,) = engines(server)
    with RawStream(server, story("a")) as client:
        client.read_until(b"data:")
        assert server.post("/v1/models/a/unload", {})[1]["state"] == "unloading"
        status, answer, _ = server.post(CHAT, chat("a"))
        assert status == 200, answer
        client.read_until(b"[DONE]")
    (second,) = engines(server)
    assert first != second


def test_unloading_by_force_ends_answers(server: LiveServer) -> None:
    server.post(CHAT, chat("a"))
    with RawStream(server, story("a")) as client:
        client.read_until(b"data:")
        server.post("/v1/models/a/unload", {"force": True})
        client.read_until(b"model_unloaded")


def test_a_client_that_leaves_ends_the_load_that_only_it_waited_for(server: LiveServer) -> None:
    supervisor = server.supervisor
    with RawStream(server, chat("a")):
        wait_until(lambda: engines(server), "the engine")
        engine = server.engine
        engine.suspend()  # or it might be faster than the client
    try:
        wait_until(lambda: states(server)["a"] in ("unloading", "unloaded"), "the end of the load")
    finally:
        engine.resume()
    wait_for(server, "a", "unloaded")
    assert server.supervisor == supervisor


def test_an_engine_that_dies_while_it_is_loaded_for_a_request_is_a_503_that_says_so(server: LiveServer) -> None:
    outcomes: list[tuple[int, dict[str, Any], dict[str, str]]] = []
    thread = threading.Thread(target=lambda: outcomes.append(server.post(CHAT, chat("a"))))
    thread.start()
    wait_until(lambda: engines(server), "the engine")
    os.kill(server.engine.pid, signal.SIGKILL)
    thread.join()
    ((status, answer, headers),) = outcomes
    assert (status, answer["error"]["code"]) == (503, "model_not_ready")
    assert "SIGKILL" in answer["error"]["message"]
    assert int(headers["retry-after"]) >= 1
    wait_until(lambda: server.post(CHAT, chat("a"))[0] == 200, "the next attempt")


def test_streams_of_one_model_go_on_while_another_comes_and_goes(server: LiveServer) -> None:
    server.post(CHAT, chat("a"))
    with RawStream(server, story("a")) as client:
        client.read_until(b"data:")
        for _ in range(3):
            assert server.post(CHAT, chat("b"))[0] == 200
            server.post("/v1/models/b/unload", {})
            wait_for(server, "b", "unloaded")
        client.read_until(b"[DONE]")


def test_what_was_loaded_at_the_start_is_loaded_again_when_it_is_asked_for() -> None:
    models = entries(a="start", b="on_demand")
    with LiveServer(slots=1, n_ctx=256, models=models) as server:
        assert states(server) == {"a": "ready", "b": "unloaded"}
        server.post("/v1/models/a/unload", {})
        wait_for(server, "a", "unloaded")
        assert server.get("/readyz")[0] == 200
        assert server.post(CHAT, chat("a"))[0] == 200
        for worker in server.workers:
            worker.kill()
        wait_until(lambda: _answers(server), "a new worker")
        assert states(server)["a"] == "ready"
        server.supervisor.kill()
        wait_until(lambda: _answers(server) and states(server) == {"a": "ready", "b": "unloaded"}, "a new supervisor")
        assert server.stop() == 0


def test_a_load_that_takes_too_long_is_a_503_with_its_state_and_goes_on() -> None:
    models = entries(a="on_demand")
    with LiveServer(slots=1, n_ctx=256, models=models, load_timeout_seconds=0.01) as server:
        status, answer, headers = server.post(CHAT, chat("a"))
        assert (status, answer["error"]["code"]) == (503, "model_not_ready")
        assert "(loading" in answer["error"]["message"]
        assert int(headers["retry-after"]) >= 1
        wait_for(server, "a", "ready")
        assert server.post(CHAT, chat("a"))[0] == 200


def test_only_admins_load_and_unload() -> None:
    with LiveServer(slots=1, n_ctx=256, models=entries(a="on_demand"), auth="header", header_user="X-User") as server:
        body, user = json.dumps(chat("a")).encode(), {"X-User": "bob"}
        for path in ("/v1/models/a/load", "/v1/models/a/unload", "/models/load", "/models/unload"):
            status, answer, _ = server.request("POST", path, b"{}", user)
            assert (status, answer["error"]["code"]) == (403, "admin_only")
        assert server.request("POST", CHAT, body, user)[0] == 200


def _answers(server: LiveServer) -> bool:
    try:
        return server.get("/v1/models")[0] == 200
    except OSError:
        return False
