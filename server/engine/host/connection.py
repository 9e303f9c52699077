"""One gunicorn worker's connection to the engine: commands in on a thread of its own, events out without waiting.

A worker that does not read costs nobody anything: bytes that do not fit into the socket's buffer are kept and sent
later. Knows frames and messages; it does not know what they mean to the engine.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable

import msgspec

from server.protocol.framing import FrameReader, frame
from server.protocol.messages import Command

logger = logging.getLogger(__name__)

RECEIVE_BYTES = 1 << 18


class Connection:
    """A connection. Compared by identity; usable as a key."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._lock = threading.Lock()
        self._unsent = bytearray()
        self._is_closed = False

    @property
    def has_unsent(self) -> bool:
        return bool(self._unsent)

    def send(self, message: object) -> None:
        """Send a message as far as the socket takes it now, and keep the rest. From any thread."""
        with self._lock:
            self._unsent += frame(message)
            self._send_unsent()

    def send_rest(self) -> None:
        """Try again to send the rest."""
        with self._lock:
            self._send_unsent()

    def read(self, on_command: Callable[[Command, int], None]) -> None:
        """Hand over commands, each with its bytes, until the worker is gone. Blocks; returns at the end of the
        stream."""
        reader = FrameReader()
        decoder = msgspec.msgpack.Decoder(Command)
        try:
            while data := self._socket.recv(RECEIVE_BYTES):
                for body in reader.feed(data):
                    on_command(decoder.decode(body), len(body))
        except OSError as error:
            logger.debug("connection lost: %s", error)
        except msgspec.DecodeError as error:
            logger.error("a worker is dropped, it sent what is no command: %s", error)
        finally:
            self.close()

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            self._unsent.clear()
            self._socket.close()

    def _send_unsent(self) -> None:
        if self._is_closed:
            self._unsent.clear()
            return
        try:
            while self._unsent:
                num_sent = self._socket.send(self._unsent, socket.MSG_DONTWAIT)
                del self._unsent[:num_sent]
        except BlockingIOError:
            pass
        except OSError as error:
            logger.debug("a worker does not take events any more: %s", error)
            self._unsent.clear()
