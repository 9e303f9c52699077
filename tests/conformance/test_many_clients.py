"""Sixty-four clients on eight slots, some of whom leave: everybody is served or told to come back, nothing is lost."""

from __future__ import annotations

import threading
from typing import Any

from tests.conformance.slow_client import STORY, RawStream
from tests.conformance.test_kills import BODY, PATH
from tests.live_server import LiveServer

NUM_CLIENTS = 64


def client(server: LiveServer, number: int, ends: list[str]) -> None:
    body: dict[str, Any] = {
        **STORY,
        "messages": [{"role": "user", "content": f"Tell me story number {number}."}],
        "max_tokens": 24,
        "user": f"user {number % 5}",
    }
    with RawStream(server, body) as stream:
        if number % 4 == 0:
            stream.read_until(b"\r\n\r\n")
            ends.append("left")
            return
        status = stream.read_until(b"\r\n\r\n").split(b" ", 2)[1]
        if status == b"429":
            assert b"retry-after" in stream.read_until(b'"rate_limit_exceeded"').lower()
            ends.append("refused")
            return
        stream.read_until(b"data: [DONE]\n\n")
        reasons = [document["choices"][0]["finish_reason"] for document in stream.documents()]
        assert [reason for reason in reasons if reason] == ["length"]
        ends.append("answered")


def crowd(server: LiveServer) -> list[str]:
    """How each client's request ended."""
    ends: list[str] = []
    threads = [threading.Thread(target=client, args=(server, number, ends)) for number in range(NUM_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ends


def memory_bytes(server: LiveServer) -> int:
    return sum(process.memory_full_info().uss for process in server.family())


def test_all_are_answered_or_refused_and_no_slot_and_no_memory_is_lost() -> None:
    with LiveServer(slots=8, n_ctx=512, max_waiting_requests=40) as server:
        crowd(server)
        before = memory_bytes(server)
        ends = crowd(server)
        assert len(ends) == NUM_CLIENTS, "a client's thread failed"
        assert ends.count("left") == NUM_CLIENTS / 4
        assert ends.count("answered") >= 8 + 40 - ends.count("left")  # slots, and places in the queue
        assert memory_bytes(server) - before < 20_000_000
        for _ in range(8):
            assert server.post(PATH, BODY)[0] == 200
        assert "the KV cache's account is wrong" not in server.log
