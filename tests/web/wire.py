"""A wire between a browser and a server that tests can cut: connections break, and new ones are refused.

A browser that is told to be offline goes on with the streams that it has, which no real network lets it do.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from tests.live_server import LiveServer, free_port


class Wire:
    """From a port of its own to the server's, in threads of this process."""

    def __init__(self, server: LiveServer) -> None:
        self._target = ("127.0.0.1", server.port)
        self.port = free_port()
        self._ends: set[socket.socket] = set()
        self._listener: socket.socket | None = None

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Wire:
        self.mend()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def mend(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        assert self._listener is not None
        self._listener.shutdown(socket.SHUT_RDWR)  # close() alone would not wake the thread that waits
        self._listener.close()
        for end in list(self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(self._target)
                self._ends |= {near, far}
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.discard(source)
        source.close()
