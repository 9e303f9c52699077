"""Messages as bytes between a gunicorn worker and an engine: a 4-byte big-endian length, then msgpack.

It does not know which messages there are, nor what carries the bytes.
"""

from __future__ import annotations

import struct

import msgspec

LENGTH_PREFIX = struct.Struct("!I")


def frame(message: object) -> bytes:
    """A message as it travels: length prefix and msgpack."""
    body = msgspec.msgpack.encode(message)
    return LENGTH_PREFIX.pack(len(body)) + body


class FrameReader:
    """Cuts a stream of bytes into frame bodies, whatever the pieces in which it arrives."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies that `data` completes, in order."""
        self._buffer += data
        bodies: list[bytes] = []
        start = 0
        while len(self._buffer) - start >= LENGTH_PREFIX.size:
            (length,) = LENGTH_PREFIX.unpack_from(self._buffer, start)
            end = start + LENGTH_PREFIX.size + length
            if len(self._buffer) < end:
                break
            bodies.append(bytes(self._buffer[start + LENGTH_PREFIX.size : end]))
            start = end
        del self._buffer[:start]
        return bodies
