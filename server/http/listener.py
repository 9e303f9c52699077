"""Accepting connections, also when there are no file descriptors left for them.

Whoever connects then waits in the system's queue, and is accepted as soon as there is one. It does not know what
happens on a connection.
"""

from __future__ import annotations

import errno
import logging
import resource
import socket
import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent.server import StreamServer

logger = logging.getLogger(__name__)

WANTED_FILES = 1 << 16
"""Open files that a worker asks the system for."""
MAX_CONNECTIONS = 1 << 14
"""Connections of a worker, if the settings say nothing else: about 20 MB when they are idle."""
RESERVED_FILES = 256
"""File descriptors for everything but connections: the database, engines, logs."""

READ_WITHIN_SECONDS = 120.0
"""How long a client may leave what was sent to it unread, before its connection is closed."""

_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_PAUSE_SECONDS = 0.1
_SECONDS_BETWEEN_COMPLAINTS = 10.0


def allow_many_files() -> int:
    """Have the system allow this process as many open files as it may have; returns how many those are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return WANTED_FILES
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(WANTED_FILES, hard)
    if wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


def most_connections(num_files: int, wanted: int | None) -> int:
    """Connections that a worker takes with so many open files: what the settings say, if the files suffice for it."""
    possible = num_files - min(RESERVED_FILES, num_files // 2)
    if wanted is not None and wanted > possible:
        logger.warning("max_connections = %d: with %d open files, there can be %d", wanted, num_files, possible)
    return min(possible, wanted or MAX_CONNECTIONS)


def close_when_unread(sock: Any, seconds: float) -> None:
    """Have the system close connections of this socket whose clients have stopped reading.

    A listening socket hands it on to those that it accepts. Systems other than Linux do without.
    """
    if sock.family in (socket.AF_INET, socket.AF_INET6) and hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))


class Listener(StreamServer):  # type: ignore[misc]
    """Calls `on_connection` in the event loop for each connection; `make_room` closes what is not needed."""

    def __init__(self, sock: Any, on_connection: Callable[[Any, Any], None], make_room: Callable[[], bool]) -> None:
        close_when_unread(sock, READ_WITHIN_SECONDS)
        super().__init__(sock, handle=on_connection)
        self._on_connection = on_connection
        self._make_room = make_room
        self._complained_at = float("-inf")

    def do_read(self) -> tuple[Any, Any] | None:
        """The next connection and its address; None if there is none, or not now."""
        try:
            accepted: tuple[Any, Any] | None = super().do_read()
            return accepted
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            self._wait_for_files(error)
            return None

    def do_handle(self, *accepted: Any) -> None:
        self._on_connection(*accepted)

    def _wait_for_files(self, error: OSError) -> None:
        if time.monotonic() > self._complained_at + _SECONDS_BETWEEN_COMPLAINTS:
            self._complained_at = time.monotonic()
            num_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
            logger.error(
                "No connection can be accepted: %s. New ones wait. This process may have %d open files; "
                "`ulimit -n` or LimitNOFILE= of systemd allow more.",
                error.strerror,
                num_files,
            )
        if not self._make_room():
            self.stop_accepting()
            gevent.spawn_later(_PAUSE_SECONDS, self._start_accepting_if_started)
