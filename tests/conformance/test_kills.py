"""Whatever process is killed, the service heals, requests in flight end with a clear error, and nothing is left."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from openai import APIError, OpenAI

from tests.conformance.slow_client import STORY, RawStream
from tests.live_server import LiveServer, alive, wait_until

BODY = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
MODEL = "SmolLM2-135M-Instruct"
PATH = "/v1/chat/completions"
FOREVER: dict[str, Any] = {**STORY, "max_tokens": 18_000}


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with LiveServer(n_ctx=20_000, slots=2) as server:
        yield server


def assert_serves(server: LiveServer) -> None:
    server.wait_until_ready()
    wait_until(lambda: server.post(PATH, BODY)[0] == 200, "an answer")


def test_an_engine_killed_in_mid_stream_ends_the_stream_with_an_error(server: LiveServer) -> None:
    with RawStream(server, {**FOREVER, "stream_options": {"include_usage": True}}) as stream:
        stream.read_until(b'"delta":{"content":"')
        server.engine.kill()
        stream.read_to_end()  # the connection is closed
        *_, counted, failure = stream.documents()
        assert failure["error"]["code"] == "engine_lost"
        assert counted["choices"] == []
        assert counted["usage"]["completion_tokens"] == counted["timings"]["predicted_n"] > 0
        assert b"[DONE]" not in stream.read_to_end()
    assert server.get("/healthz")[0] == 200
    assert_serves(server)


def test_the_openai_client_raises_when_the_engine_is_killed(server: LiveServer) -> None:
    with OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client:
        server.wait_until_ready()
        stream = client.chat.completions.create(
            model=MODEL, messages=FOREVER["messages"], stream=True, extra_body={"ignore_eos": True}
        )
        next(iter(stream))
        server.engine.kill()
        with pytest.raises(APIError) as caught:
            for _ in stream:
                pass
        assert caught.value.code == "engine_lost"
    assert_serves(server)


def test_a_whole_answer_under_way_becomes_a_503(server: LiveServer) -> None:
    answers: list[tuple[int, dict[str, Any], dict[str, str]]] = []
    ask = threading.Thread(target=lambda: answers.append(server.post(PATH, {**FOREVER, "stream": False})))
    engine = server.engine
    before = engine.cpu_times().user
    ask.start()
    wait_until(lambda: engine.cpu_times().user > before + 0.2, "the engine to work on it")
    engine.kill()
    ask.join()
    ((status, body, headers),) = answers
    assert (status, body["error"]["code"]) == (503, "engine_lost")
    assert int(headers["retry-after"]) >= 1
    assert_serves(server)


def test_an_openai_client_that_retries_does_not_notice(server: LiveServer) -> None:
    server.wait_until_ready()
    server.engine.kill()
    with OpenAI(base_url=server.base_url, api_key="none", max_retries=100) as client:
        answer = client.chat.completions.create(model=MODEL, messages=FOREVER["messages"], max_tokens=2)
    assert answer.choices[0].message.content


def test_http_never_stops_answering_while_the_engine_dies_again_and_again(server: LiveServer) -> None:
    for _ in range(3):
        server.wait_until_ready()
        server.engine.kill()
        wait_until(
            lambda: not server.is_ready() or server.members("server.engine.host.process"), "the fall or the rise"
        )
        for _ in range(20):
            assert server.get("/healthz")[0] == 200
            assert server.post(PATH, BODY)[0] in (200, 503)
    assert_serves(server)


def test_a_killed_supervisor_is_replaced(server: LiveServer) -> None:
    supervisor, engine = server.supervisor, server.engine
    supervisor.kill()
    wait_until(lambda: not alive([supervisor, engine]), "the end of the old ones")
    assert_serves(server)
    assert server.supervisor.pid != supervisor.pid
    assert len(server.members("server.supervisor")) == len(server.members("server.engine.host.process")) == 1


def test_a_killed_worker_is_replaced_and_its_requests_leave_the_engine(server: LiveServer) -> None:
    engine, supervisor = server.engine, server.supervisor
    streams = [RawStream(server, FOREVER) for _ in range(2)]  # both slots
    for stream in streams:
        stream.read_until(b'"content":"')
    for worker in server.workers:
        worker.kill()
    assert_serves(server)  # so a slot is free
    assert (server.engine.pid, server.supervisor.pid) == (engine.pid, supervisor.pid)
    for stream in streams:
        stream.connection.close()


def test_nothing_is_left_when_the_master_is_killed() -> None:
    settings: dict[str, Any] = {"n_ctx": 20_000, "slots": 2, "graceful_timeout_seconds": 3}
    with LiveServer(**settings) as server, RawStream(server, FOREVER) as stream:
        stream.read_until(b'"content":"')
        family = server.family()
        assert len(family) >= 4  # master, worker, supervisor, engine
        family[0].kill()
        wait_until(lambda: not alive(family[1:]), "the end of all processes")


def test_an_engine_that_stands_still_is_called_stalled_killed_and_replaced() -> None:
    with LiveServer(n_ctx=20_000, slots=2, engine_timeout_seconds=8) as server, RawStream(server, FOREVER) as stream:
        stream.read_until(b'"content":"')
        engine = server.engine
        engine.suspend()
        wait_until(lambda: server.get("/readyz")[1]["models"][MODEL]["state"] == "stalled", "the supervisor to notice")
        assert server.get("/readyz")[0] == 503
        stream.read_to_end()
        assert list(stream.documents())[-1]["error"]["code"] == "engine_lost"
        assert_serves(server)
        assert server.engine != engine


def test_an_engine_that_stood_still_for_a_moment_goes_on() -> None:
    with LiveServer(n_ctx=512, engine_timeout_seconds=60) as server:
        engine = server.engine
        engine.suspend()
        wait_until(lambda: server.get("/readyz")[0] == 503, "the supervisor to notice")
        engine.resume()
        assert_serves(server)
        assert server.engine == engine
