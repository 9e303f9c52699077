"""Models that share too little memory, over HTTP."""

from __future__ import annotations

import json
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conformance.slow_client import RawStream
from tests.conformance.test_loading import CHAT, chat, engines, source, states, story, wait_for
from tests.live_server import LiveServer, wait_until

NEEDED_MIB = 200
"""About what one of the models takes."""


def named(*names: str, **own: Any) -> str:
    return json.dumps([{"source": source(), "id": name, "load": "on-demand", **own} for name in names])


def test_requests_for_more_models_than_fit_are_all_answered() -> None:
    names = ["a", "b", "c", "d", "e"]
    with LiveServer(slots=2, n_ctx=256, models=named(*names), max_model_memory_mb=int(2.5 * NEEDED_MIB)) as server:
        most = 0
        statuses: Counter[int] = Counter()

        def ask(name: str) -> None:
            statuses[server.post(CHAT, chat(name))[0]] += 1

        threads = [threading.Thread(target=ask, args=(name,)) for name in names * 10]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            most = max(most, list(states(server).values()).count("ready"))
        for thread in threads:
            thread.join()
        assert statuses == {200: 50}
        assert most == 2


def test_a_model_that_answers_is_not_unloaded_for_another_which_waits() -> None:
    models = named("a", "b")
    with LiveServer(slots=1, n_ctx=512, models=models, max_model_memory_mb=int(1.5 * NEEDED_MIB)) as server:
        server.post(CHAT, chat("a"))
        with RawStream(server, story("a")) as client:
            client.read_until(b"data:")
            outcomes: list[int] = []
            thread = threading.Thread(target=lambda: outcomes.append(server.post(CHAT, chat("b"))[0]))
            thread.start()
            client.read_until(b"[DONE]")
        thread.join()
        assert outcomes == [200]
        assert states(server) == {"a": "unloaded", "b": "ready"}


def test_what_waits_too_long_is_told_for_what() -> None:
    models = named("a", "b")
    most = int(1.5 * NEEDED_MIB)
    with LiveServer(slots=1, n_ctx=2048, models=models, max_model_memory_mb=most, load_timeout_seconds=3) as server:
        server.post(CHAT, chat("a"))
        with RawStream(server, {**story("a"), "max_tokens": 1500}) as client:
            client.read_until(b"data:")
            status, answer, headers = server.post(CHAT, chat("b"))
        assert (status, answer["error"]["code"]) == (503, "model_not_ready")
        assert "waits for memory: it needs" in answer["error"]["message"]
        assert int(headers["retry-after"]) >= 1


def test_what_can_never_fit_is_refused_at_once_with_both_numbers() -> None:
    with LiveServer(slots=1, n_ctx=256, models=named("a"), max_model_memory_mb=50) as server:
        status, answer, headers = server.post(CHAT, chat("a"))
        assert (status, answer["error"]["code"]) == (503, "model_too_large")
        assert "50 MiB (max_model_memory_mb)" in answer["error"]["message"]
        assert headers["x-should-retry"] == "false"
        assert engines(server) == []
        assert server.get("/readyz")[0] == 200


def test_a_model_that_has_nothing_to_do_is_unloaded_after_its_time() -> None:
    with LiveServer(slots=1, n_ctx=512, models=named("a", idle_unload_seconds=1.5)) as server:
        server.post(CHAT, chat("a"))
        with RawStream(server, story("a")) as client:
            client.read_until(b"[DONE]")
        wait_for(server, "a", "unloaded")
        assert server.post(CHAT, chat("a"))[0] == 200


def test_the_memory_that_was_told_is_what_the_engine_takes_and_all_of_it_comes_back() -> None:
    with LiveServer(slots=2, n_ctx=2048, models=named("a")) as server:
        others = server.family()
        before = sum(process.memory_full_info().uss for process in others)
        for _ in range(3):
            server.post(CHAT, chat("a", 50))
            taken = server.engine.memory_info().rss
            server.post("/v1/models/a/unload", {})
            wait_until(lambda: not engines(server), "the end of the engine")
        told = _memory_bytes(server)
        assert told == pytest.approx(taken, rel=0.15)
        after = sum(process.memory_full_info().uss for process in others if psutil.pid_exists(process.pid))
        assert after - before < 20 << 20


def _memory_bytes(server: LiveServer) -> int:
    (status_file,) = Path(server.data_dir.name).glob("parley-*/status.json")
    return int(json.loads(status_file.read_text())["models"]["a"]["memory_bytes"])
