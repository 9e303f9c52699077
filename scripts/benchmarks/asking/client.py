"""A lean HTTP client: sends a request, notes when every byte of the answer came, and looks at them afterwards.

While an answer arrives it only stores times and bytes, so that the client takes next to nothing from two cores that
the server needs. It knows HTTP/1.1 as far as servers answer with it, and no more; `answers` reads what came.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

END_SECONDS = 600.0
NO_BODY: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Address:
    """Where a server listens."""

    host: str
    port: int


@dataclass(frozen=True)
class Raw:
    """What came over the connection: pieces with the times of their arrival (seconds of `time.perf_counter`)."""

    sent: float
    pieces: tuple[tuple[float, bytes], ...]
    ended: float
    has_left: bool
    """Whether it was this client who closed the connection, before the answer's end."""


def request_bytes(address: Address, path: str, body: Mapping[str, Any] = NO_BODY, keep_alive: bool = False) -> bytes:
    """A request as it travels: POST with a JSON body, GET without one."""
    payload = json.dumps(body).encode() if body else b""
    head = [f"{'POST' if body else 'GET'} {path} HTTP/1.1", f"Host: {address.host}:{address.port}"]
    if body:
        head += ["Content-Type: application/json", f"Content-Length: {len(payload)}"]
    head.append(f"Connection: {'keep-alive' if keep_alive else 'close'}")
    return "\r\n".join([*head, "", ""]).encode() + payload


class Exchanged:
    """Says, while an answer still arrives, that `num_events` of its stream are here."""

    def __init__(self, num_events: int) -> None:
        self.num_events = num_events
        self.event = asyncio.Event()


class Exchange(asyncio.Protocol):
    """One request on one connection; `finished` is the future of its `Raw`."""

    def __init__(self, request: bytes, leave_after: int | None, seen: Exchanged | None) -> None:
        self.finished: asyncio.Future[Raw] = asyncio.get_running_loop().create_future()
        self._request = request
        self._leave_after = leave_after
        self._seen = seen
        self._num_events = 0
        self._pieces: list[tuple[float, bytes]] = []
        self._sent = 0.0
        self._has_left = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._sent = perf_counter()
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._pieces.append((perf_counter(), data))
        if self._leave_after is not None or self._seen is not None:
            self._num_events += data.count(b"data: ")
        if self._seen is not None and self._num_events >= self._seen.num_events:
            self._seen.event.set()
        if self._leave_after is not None and self._num_events >= self._leave_after:
            self._has_left = True
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        if self._seen is not None:
            self._seen.event.set()  # nothing more will come
        if not self.finished.done():
            self.finished.set_result(Raw(self._sent, tuple(self._pieces), perf_counter(), self._has_left))


async def exchange(
    address: Address,
    path: str,
    body: Mapping[str, Any] = NO_BODY,
    leave_after: int | None = None,
    seen: Exchanged | None = None,
) -> Raw:
    """Play one request on a connection of its own; with `leave_after`, hang up after that number of events.

    An answer that has not ended after END_SECONDS is cut off there, which shows as one that is not whole.
    """
    request = request_bytes(address, path, body)
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_connection(
        lambda: Exchange(request, leave_after, seen), address.host, address.port
    )
    await asyncio.wait([protocol.finished], timeout=END_SECONDS)
    transport.abort()
    return await protocol.finished


class KeptAlive:
    """One connection for many whole answers in a row, for times in microseconds: no event loop in the way."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._socket = socket.create_connection((address.host, address.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> KeptAlive:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, path: str, body: Mapping[str, Any] = NO_BODY) -> tuple[float, int]:
        """Seconds until the whole answer was there, and its status."""
        request = request_bytes(self._address, path, body, keep_alive=True)
        sent = perf_counter()
        self._socket.sendall(request)
        answer = self._read_answer()
        return perf_counter() - sent, int(answer.split(b" ", 2)[1])

    def _read_answer(self) -> bytes:
        data = b""
        while not is_whole(data):
            piece = self._socket.recv(65536)
            if not piece:
                raise ConnectionError(f"The server hung up after {len(data)} bytes of an answer.")
            data += piece
        return data


def is_whole(data: bytes) -> bool:
    """Whether `data` is a whole answer, going by its Content-Length or the last chunk."""
    head, separator, body = data.partition(b"\r\n\r\n")
    if not separator:
        return False
    length = headers_of(head).get("content-length")
    return len(body) >= int(length) if length is not None else body.endswith(b"0\r\n\r\n")


def headers_of(head: bytes) -> dict[str, str]:
    """The headers of an answer's head, names in lower case."""
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
