"""Requests as they are read from a connection: gunicorn's parser within bounds, and polite to other connections.

What gunicorn would do with a body that the application left unread, reading it to its end, is not done here: such a
connection is closed after its answer. It knows sockets and HTTP/1.1, and neither time limits nor the application.
"""

from __future__ import annotations

import socket
from typing import Any

from gunicorn.http.body import Body, ChunkedReader
from gunicorn.http.errors import LimitRequestHeaders, ParseException
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import SocketUnreader

from server.http.sharing import let_others_run

MAX_HEAD_BYTES = 1 << 16
"""Request line and headers together."""

MAX_CHUNKS = 200_000
"""Chunks of a body. Each costs as much as a kilobyte, however small it is."""

CHUNKS_PER_TURN = 200
"""Chunks that are read at once, in about a millisecond."""

MAX_RECEIVED_BYTES = 1 << 16
"""What is received at once of a body. It waits here until it is read, and counts nowhere."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class MissingHost(ParseException):  # type: ignore[misc]
    """RFC 9112, section 3.2: a request of HTTP/1.1 says which host it is for."""

    def __str__(self) -> str:
        return "It has no Host header."


class TooManyChunks(ParseException):  # type: ignore[misc]
    """The body comes in crumbs."""

    def __str__(self) -> str:
        return f"It has more than {MAX_CHUNKS} chunks."


class FairUnreader(SocketUnreader):  # type: ignore[misc]
    """Reads from a socket, a piece a turn. A head is bounded, whatever gunicorn allows for each of its lines."""

    max_body_chunk = MAX_RECEIVED_BYTES

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._num_head_bytes_left: int | None = None

    @property
    def num_buffered(self) -> int:
        """Bytes that have been received and are still to be read."""
        return len(self.buf.getbuffer())

    def begin_head(self) -> None:
        self._num_head_bytes_left = MAX_HEAD_BYTES

    def end_head(self) -> None:
        self._num_head_bytes_left = None

    def chunk(self, size_hint: int | None = None) -> bytes:
        data: bytes = super().chunk(size_hint)
        if self._num_head_bytes_left is not None:
            self._num_head_bytes_left -= len(data)
            if self._num_head_bytes_left < 0:
                raise LimitRequestHeaders(f"request line and headers exceed {MAX_HEAD_BYTES} bytes")
        let_others_run()
        return data


class BoundedChunkedReader(ChunkedReader):  # type: ignore[misc]
    """A chunked body of a bounded number of chunks."""

    def __init__(self, request: Request, unreader: FairUnreader) -> None:
        super().__init__(request, unreader)
        self.limit_trailer_section = MAX_HEAD_BYTES
        self._num_chunks = 0

    def parse_chunk_size(self, unreader: FairUnreader, data: bytes | None = None) -> tuple[int, bytes]:
        self._num_chunks += 1
        if self._num_chunks > MAX_CHUNKS:
            raise TooManyChunks
        if self._num_chunks % CHUNKS_PER_TURN == 0:
            let_others_run()
        size_and_rest: tuple[int, bytes] = super().parse_chunk_size(unreader, data)
        return size_and_rest


class AwaitedBody(Body):  # type: ignore[misc]
    """A body whose client sends it only when told to, which it is when somebody begins to read."""

    def __init__(self, reader: Any, sock: socket.socket) -> None:
        super().__init__(reader)
        self._sock: socket.socket | None = sock

    def read(self, size: int | None = None) -> bytes:
        if self._sock is not None:
            sock, self._sock = self._sock, None
            sock.sendall(_CONTINUE)
        data: bytes = super().read(size)
        return data


class ParleyRequest(Request):  # type: ignore[misc]
    """A request whose head has been read."""

    body: Body
    _expected_100_continue: bool

    def __init__(self, cfg: Any, unreader: FairUnreader, peer_addr: Any, req_number: int = 1) -> None:
        unreader.begin_head()
        super().__init__(cfg, unreader, peer_addr, req_number)
        unreader.end_head()

    def parse(self, unreader: FairUnreader) -> bytes:
        rest: bytes = super().parse(unreader)
        if self.version >= (1, 1) and not any(name == "HOST" and value for name, value in self.headers):
            raise MissingHost
        return rest

    def set_body_reader(self) -> None:
        super().set_body_reader()
        if isinstance(self.body.reader, ChunkedReader):
            self.body = Body(BoundedChunkedReader(self, self.unreader))
        if self._expected_100_continue:
            self._expected_100_continue = False  # or gunicorn would ask for the body before anybody wants it
            self.body = AwaitedBody(self.body.reader, self.unreader.sock)

    @property
    def has_unread_body(self) -> bool:
        """Whether there is more of the body than has been read, or lies here already."""
        reader = self.body.reader
        if isinstance(reader, ChunkedReader):
            return reader.parser is not None
        return bool(reader.length > self.unreader.num_buffered)

    def should_close(self) -> bool:
        """Asked when the answer's headers are made, and again when it has been sent."""
        return bool(super().should_close() or self.has_unread_body or self.body.failed)


class ConnectionParser(RequestParser):  # type: ignore[misc]
    """The requests of one connection, one after the other; each `next` raises what is wrong with it."""

    mesg_class = ParleyRequest

    def __init__(self, cfg: Any, sock: socket.socket, peer_addr: Any) -> None:
        super().__init__(cfg, sock, peer_addr)
        self.unreader = FairUnreader(sock)

    @property
    def has_more(self) -> bool:
        """Whether the next request, or its beginning, has been received with the last one."""
        return self.unreader.num_buffered > 0
