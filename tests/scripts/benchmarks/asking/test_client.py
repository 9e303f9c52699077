"""scripts/bench: the lean client against a server of a few lines."""

from __future__ import annotations

import asyncio
import socketserver
import threading
from collections.abc import Iterator

import pytest

from scripts.benchmarks.asking.client import Address, KeptAlive, Raw, exchange, is_whole, request_bytes

EVENTS = [b"data: %d\n\n" % number for number in range(1000)]


class Handler(socketserver.StreamRequestHandler):
    """Answers `/stream` with many events and the rest with the request's own first line."""

    def handle(self) -> None:
        while line := self.rfile.readline():
            length = 0
            while (header := self.rfile.readline()).strip():
                if header.lower().startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            self.answer(line.strip(), self.rfile.read(length))
            if b"/stream" in line:
                return

    def answer(self, line: bytes, body: bytes) -> None:
        if b"/stream" not in line:
            content = line + b" " + body
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content))
            return
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            for event in EVENTS:
                self.wfile.write(event)
        except OSError:
            return  # the client left


@pytest.fixture
def address() -> Iterator[Address]:
    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Address("127.0.0.1", server.server_address[1])
        server.shutdown()
        thread.join()


def content(raw: Raw) -> bytes:
    return b"".join(piece for _, piece in raw.pieces).partition(b"\r\n\r\n")[2]


def test_an_exchange_ends_when_the_server_closes(address: Address) -> None:
    raw = asyncio.run(exchange(address, "/stream"))
    assert content(raw) == b"".join(EVENTS)
    assert not raw.has_left
    times = [raw.sent, *(time for time, _ in raw.pieces), raw.ended]
    assert times == sorted(times)


def test_a_client_that_leaves_has_seen_as_many_events_as_it_wanted(address: Address) -> None:
    raw = asyncio.run(exchange(address, "/stream", leave_after=3))
    assert raw.has_left
    assert content(raw).count(b"data: ") >= 3


def test_many_exchanges_run_at_once(address: Address) -> None:
    async def play() -> list[Raw]:
        return await asyncio.gather(*(exchange(address, "/stream") for _ in range(20)))

    assert all(content(raw) == b"".join(EVENTS) for raw in asyncio.run(play()))


def test_a_kept_connection_asks_again_and_again(address: Address) -> None:
    with KeptAlive(address) as connection:
        answers = [connection.ask("/echo", {"number": number}) for number in range(5)]
    assert all(status == 200 and seconds > 0 for seconds, status in answers)


def test_a_body_makes_a_post_and_none_a_get() -> None:
    address = Address("host", 80)
    assert request_bytes(address, "/x").startswith(b"GET /x HTTP/1.1\r\nHost: host:80\r\n")
    assert request_bytes(address, "/x", {"a": 1}).startswith(b"POST /x")
    assert request_bytes(address, "/x", {"a": 1}).endswith(b'\r\n\r\n{"a": 1}')


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", True),
    ],
)
def test_an_answer_is_whole_with_its_last_byte(data: bytes, whole: bool) -> None:
    assert is_whole(data) is whole
