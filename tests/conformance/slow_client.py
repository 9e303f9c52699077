"""Streams on raw sockets: a client that can leave, stop reading, or look at every byte."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from typing import Any

from tests.live_server import PATIENCE_SECONDS, LiveServer

STORY: dict[str, Any] = {
    "messages": [{"role": "user", "content": "Tell me a long story."}],
    "max_tokens": 1500,
    "ignore_eos": True,
    "stream": True,
}


class RawStream:
    """A streaming POST whose answer is read only when asked to."""

    def __init__(self, server: LiveServer, body: dict[str, Any], path: str = "/v1/chat/completions") -> None:
        data = json.dumps(body).encode()
        self.connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_SECONDS)
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n"
        try:
            self.connection.sendall(head.encode() + data)
        except OSError:  # whoever should have received it was killed
            self.connection.close()
            raise
        self._received = b""

    def __enter__(self) -> RawStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def read_until(self, marker: bytes) -> bytes:
        """All that has been received, at least up to `marker`."""
        while marker not in self._received:
            received = self.connection.recv(65536)
            assert received, f"the connection ended before {marker!r}: {self._received!r}"
            self._received += received
        return self._received

    def read_to_end(self) -> bytes:
        """All that is received until the server closes the connection."""
        while received := self.connection.recv(65536):
            self._received += received
        return self._received

    def reset(self) -> None:
        """Leave without a goodbye (RST)."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def documents(self) -> Iterator[dict[str, Any]]:
        """The JSON documents of the events received so far."""
        for line in self._received.split(b"\n"):
            if line.startswith(b"data: {"):
                yield json.loads(line[6:])
