"""Closing a connection whose client is still sending, so that it can read the answer that it already has.

Closing while input is unread would reset the connection, and take the answer with it. What comes is not looked at, and
only so much is heard. It knows sockets, and no HTTP.
"""

from __future__ import annotations

import socket
from typing import Any

import gevent

from server.http.sharing import let_others_run

LINGER_SECONDS = 5.0
MAX_LINGER_BYTES = 16 << 20
"""For how long, and for how much, such a client is heard: for as much as most bodies may have."""

_PIECE_BYTES = 1 << 16


def linger(sock: Any, seconds: float = LINGER_SECONDS, max_bytes: int = MAX_LINGER_BYTES) -> None:
    """Send what has been written, and hear the client until it closes, too; the socket is still to be closed."""
    try:
        sock.shutdown(socket.SHUT_WR)
        with gevent.Timeout(seconds, False):
            while max_bytes > 0 and (data := sock.recv(_PIECE_BYTES)):
                max_bytes -= len(data)
                let_others_run()
    except OSError:
        pass  # the client is gone
