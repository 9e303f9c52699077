"""Notices that a client has left, while nothing is being read from it or written to it.

Works on the raw socket under gunicorn. A client that closes only its sending side looks gone, too, as it does to most
servers; one that sends the next request early stops the watch. It does not know what was asked or answered.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Any

import gevent
from gevent.socket import wait_read


class ClientWatch:
    """Watches the connection of one request."""

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self._socket: socket.socket | None = environ.get("gunicorn.socket")
        self._greenlet: gevent.Greenlet | None = None

    def start(self, on_leave: Callable[[], None]) -> None:
        """Call `on_leave` once when the client goes."""
        if self._socket is not None:
            self._greenlet = gevent.spawn(self._watch, self._socket, on_leave)

    def stop(self) -> None:
        if self._greenlet is not None:
            self._greenlet.kill(block=False)
            self._greenlet = None

    def hang_up(self) -> None:
        """Make this response the last on its connection: gunicorn will read the end of the stream after it."""
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RD)
            except OSError:
                pass  # the client was faster

    def _watch(self, connection: socket.socket, on_leave: Callable[[], None]) -> None:
        try:
            wait_read(connection.fileno())
            has_left = connection.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            has_left = True
        if has_left:
            on_leave()
