"""Bodies in crumbs, bodies that nobody reads, bodies that never end, and many at once."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from server.http.requests import MAX_CHUNKS
from tests.attacks.raw import connect, read_to_end, status_of
from tests.attacks.victims import TALE, Attack, Prober, is_withstood, undisturbed
from tests.live_server import LiveServer, wait_until

PATH = "/v1/chat/completions"
CRUMBS = b"1\r\nx\r\n" * 20_000
MIB = 1 << 20


def head(path: str, framing: str) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n".encode()


def send_endlessly(server: LiveServer, path: str, piece: bytes = CRUMBS) -> bytes:
    """The answer to a chunked body that goes on until the server has had enough of it."""
    with connect(server) as connection:
        connection.sendall(head(path, "Transfer-Encoding: chunked"))
        try:
            while True:
                connection.sendall(piece)
        except ConnectionError:
            return read_to_end(connection)


@pytest.mark.parametrize("path", [PATH, "/nowhere"])
def test_others_are_answered_while_one_sends_crumbs(victim: LiveServer, path: str) -> None:
    with undisturbed(victim, TALE), Attack(lambda: send_endlessly(victim, path), num_threads=2) as attack:
        is_withstood(victim, attack)


def test_others_are_answered_while_one_without_a_key_sends_crumbs(locked: LiveServer) -> None:
    with undisturbed(locked), Attack(lambda: send_endlessly(locked, PATH)) as attack:
        is_withstood(locked, attack)


def test_a_body_in_too_many_crumbs_is_refused(victim: LiveServer) -> None:
    with connect(victim) as connection:
        connection.sendall(head(PATH, "Transfer-Encoding: chunked") + b"1\r\nx\r\n" * (MAX_CHUNKS + 1))
        answer = read_to_end(connection)
    assert status_of(answer) == 400
    assert f"more than {MAX_CHUNKS} chunks".encode() in answer


@pytest.mark.parametrize("framing", ["Transfer-Encoding: chunked", "Content-Length: 100000000"])
@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/healthz", 405)])
def test_a_body_that_nobody_wants_ends_its_connection(victim: LiveServer, path: str, status: int, framing: str) -> None:
    with connect(victim) as connection:
        connection.sendall(head(path, framing))
        answer = read_to_end(connection)  # to its end, although nothing of the body has been sent
    assert status_of(answer) == status
    assert b"\r\nConnection: close\r\n" in answer


def test_without_a_key_a_body_is_not_even_asked_for(locked: LiveServer) -> None:
    with connect(locked) as connection:
        connection.sendall(head(PATH, "Content-Length: 1000\r\nExpect: 100-continue"))
        answer = read_to_end(connection)
    assert status_of(answer) == 401
    assert b"100 Continue" not in answer


def test_a_client_that_waits_to_be_asked_for_its_body_is(victim: LiveServer) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}).encode()
    with connect(victim) as connection:
        connection.sendall(head(PATH, f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\nConnection: close"))
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert status_of(read_to_end(connection)) == 200


def test_a_small_body_that_nobody_wants_leaves_the_connection_open(victim: LiveServer) -> None:
    request = head("/nowhere", "Content-Length: 2") + b"{}"
    with connect(victim) as connection:
        connection.sendall(request + request.replace(b"/nowhere", b"/nothing"))
        connection.shutdown(socket.SHUT_WR)
        answers = read_to_end(connection)
    assert b"/nowhere." in answers
    assert b"/nothing." in answers


@contextmanager
def open_uploads(server: LiveServer, num_uploads: int, num_bytes: int) -> Iterator[list[socket.socket]]:
    """Clients that have each sent all of a body but its last byte, or as much as the server wanted to have."""
    connections = [connect(server) for _ in range(num_uploads)]
    for connection in connections:
        connection.sendall(head(PATH, f"Content-Length: {num_bytes}"))
    piece = b" " * min(num_bytes // 4, MIB)
    for _ in range(num_bytes // len(piece) - 1):
        for connection in connections:
            try:
                connection.sendall(piece)
            except ConnectionError:
                pass  # refused
    try:
        yield connections
    finally:
        for connection in connections:
            connection.close()


def test_uploads_that_stay_open_take_bounded_memory() -> None:
    with LiveServer(workers=1, slots=1, n_ctx=512, max_body_mb=8, max_bodies_mb=16) as server:
        worker = psutil.Process(server.workers[0].pid)
        before = worker.memory_info().rss
        with undisturbed(server, TALE), open_uploads(server, 40, 8 * MIB) as connections:
            assert worker.memory_info().rss - before < 100 * MIB  # all of them have 320
            body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
            assert server.post(PATH, body)[0] == 200
            assert server.post(PATH, {**body, "user": "x" * 100_000})[0] in (200, 400)
            refused = refusal_among(connections)
        assert status_of(refused) == 429
        assert b"\r\nRetry-After: 1\r\n" in refused


def refusal_among(connections: list[socket.socket]) -> bytes:
    """The first answer to any of these, as far as it has been received."""

    def answer() -> bytes:
        for connection in connections:
            connection.settimeout(0.0)
            try:
                if received := connection.recv(65536):
                    return received
            except OSError:
                pass
        return b""

    return wait_until(answer, "a refusal")


def test_a_body_that_stops_arriving_is_given_up_though_others_go_on() -> None:
    with LiveServer(workers=1, slots=1, n_ctx=512, body_timeout_seconds=1) as server, connect(server) as connection:
        connection.sendall(head(PATH, "Transfer-Encoding: chunked"))
        prober = Prober(server)
        connection.settimeout(0.0)
        answer, deadline = b"", time.monotonic() + 60
        while not answer and time.monotonic() < deadline:
            prober.ask()
            try:
                connection.send(b"1\r\nx\r\n" * 100)
                answer = connection.recv(65536)
            except OSError:
                pass
        prober.close()
        assert status_of(answer) == 408
