"""Connections that are opened and say nothing, or not enough, and more of them than there are places."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psutil
import pytest

from server.http import worker
from tests.attacks.raw import read_to_end, status_of
from tests.attacks.victims import NUM_PROBES, TALE, Prober, undisturbed
from tests.live_server import PATIENCE_SECONDS, LiveServer, wait_until
from tests.processes import FakeServer

NUM_IDLE = 1100
"""More than gunicorn's `worker_connections`."""

FOREVER = b"GET /stream/1000000 HTTP/1.1\r\nHost: localhost\r\n\r\n"
SHORT = b"GET /stream/1 HTTP/1.1\r\nHost: localhost\r\n\r\n"


def connect(server: LiveServer, address: str = "127.0.0.1") -> socket.socket:
    """From that address of this machine."""
    return socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS, source_address=(address, 0))


@contextmanager
def connections(
    server: LiveServer, count: int, first: bytes = b"", *, reads: bool = False
) -> Iterator[list[socket.socket]]:
    """So many of them, which have all sent `first`, and have read what there was to read if they do that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, count + 500)), hard))
    with ExitStack() as stack:
        opened = []
        for _ in range(count):
            opened.append(stack.enter_context(connect(server)))
            opened[-1].sendall(first)
            assert not reads or opened[-1].recv(65536)
        yield opened
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def probe(server: LiveServer) -> None:
    for _ in range(NUM_PROBES):
        prober = Prober(server)
        prober.ask()
        prober.ask()
        prober.close()


def begun(server: LiveServer, data: bytes, address: str = "127.0.0.1") -> socket.socket:
    """A connection on which an answer has begun."""
    connection = connect(server, address)
    connection.sendall(data)
    assert status_of(connection.recv(65536)) == 200
    return connection


def test_idle_connections_take_memory_and_no_places(victim: LiveServer) -> None:
    process = psutil.Process(victim.workers[0].pid)
    probe(victim)
    before = process.memory_info().rss
    with undisturbed(victim, TALE), connections(victim, NUM_IDLE) as opened:
        wait_until(lambda: process.num_fds() > NUM_IDLE, "their acceptance")
        probe(victim)
        assert process.memory_info().rss - before < len(opened) * 20_000


@pytest.mark.parametrize("first", [b"", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"])
def test_where_there_is_no_place_those_that_are_idle_for_longest_make_it(first: bytes) -> None:
    with FakeServer(max_connections=20, max_connections_per_address=20) as server, undisturbed(server):
        stream = begun(server, FOREVER)
        with connections(server, 60, first, reads=bool(first)) as opened:
            probe(server)
            for connection in opened[:40]:
                read_to_end(connection)  # to an end
            assert stream.recv(65536)
        stream.close()


def test_beginnings_of_requests_are_waited_for_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        FakeServer() as server,
        undisturbed(server),
        connections(server, 200, b"GET /healthz HTTP/1.1\r\nHost: ") as opened,
    ):
        probe(server)
        for connection in opened:
            connection.sendall(b"localhost\r\n\r\n")
        for connection in opened:
            assert status_of(connection.recv(65536)) == 200


def test_a_head_that_does_not_arrive_is_answered_with_a_timeout() -> None:
    with FakeServer() as server, connections(server, 1, b"GET /healthz HTTP/1.1\r\n") as opened:
        answer = read_to_end(opened[0])
    assert status_of(answer) == 408
    assert f"{worker.HEAD_SECONDS:g} seconds".encode() in answer


@pytest.mark.parametrize(("max_connections", "max_connections_per_address", "status"), [(3, 10, 503), (10, 3, 429)])
def test_where_all_are_in_use_the_next_is_told_to_come_back(
    max_connections: int, max_connections_per_address: int, status: int
) -> None:
    bounds: dict[str, Any] = {
        "max_connections": max_connections,
        "max_connections_per_address": max_connections_per_address,
    }
    with FakeServer(**bounds) as server, ExitStack() as stack:
        address = "127.0.0.2"
        streams = [stack.enter_context(begun(server, FOREVER, address)) for _ in range(3)]
        with connect(server, address) as refused:
            answer = read_to_end(refused)
        assert status_of(answer) == status
        assert b'"code": "too_many_connections"' in answer
        assert b"\r\nRetry-After: 1\r\n" in answer
        if status == 429:  # others are not concerned
            probe(server)
        streams[0].close()
        wait_until(lambda: is_served(server, address), "the place that has become free")


def is_served(server: LiveServer, address: str) -> bool:
    with connect(server, address) as connection:
        try:
            connection.sendall(SHORT)
            return status_of(connection.recv(65536)) == 200
        except ConnectionError:
            return False


def test_without_file_descriptors_connections_wait_and_the_log_says_why() -> None:
    with FakeServer() as server, undisturbed(server), ExitStack() as stack:
        process = psutil.Process(server.workers[0].pid)
        probe(server)
        hard = process.rlimit(psutil.RLIMIT_NOFILE)[1]
        process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + 5, hard))
        streams = stack.enter_context(connections(server, 10, FOREVER))
        wait_until(lambda: "No connection can be accepted: Too many open files" in server.log, "a line in the log")
        for stream in streams:  # in the order in which they came; each that ends makes place for one that waits
            assert status_of(stream.recv(65536)) == 200
            stream.close()
        assert server.log.count("No connection can be accepted") < 5
