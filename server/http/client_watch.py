"""Notices that a client has left, while nothing is being read from it or written to it.

Works on the raw socket under gunicorn. A client that closes only its sending side looks gone, too, as it does to most
servers; one that sends the next request early stops the watch. It does not know what was asked or answered.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Any

import gevent

READ = 1
"""libev's word for "can be read"."""


class ClientWatch:
    """Watches the connection of one request."""

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self._socket: socket.socket | None = environ.get("gunicorn.socket")
        self._watcher: Any = None

    def start(self, on_leave: Callable[[], None]) -> None:
        """Call `on_leave` once when the client goes."""
        if self._socket is not None:
            # Not a greenlet that waits: one that was killed keeps gevent from closing the socket, for up to a second.
            self._watcher = gevent.get_hub().loop.io(self._socket.fileno(), READ)
            self._watcher.start(gevent.spawn, self._look, on_leave)

    def stop(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None

    def hang_up(self) -> None:
        """Make this response the last on its connection: gunicorn will read the end of the stream after it."""
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RD)
            except OSError:
                pass  # the client was faster

    def _look(self, on_leave: Callable[[], None]) -> None:
        """Something can be read: the end, or the next request."""
        if self._watcher is None or self._socket is None:
            return  # stopped meanwhile
        self.stop()
        try:
            has_left = self._socket.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            has_left = True
        if has_left:
            on_leave()


NOBODY = ClientWatch({})
"""Watches no connection: what has nobody who waits for it is not stopped by anybody's leaving."""
