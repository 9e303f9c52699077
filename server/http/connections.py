"""The connections of a worker: how many there may be, of whom, and for how long they may say nothing.

    accepted --> idle --> a request begins, and has a greenlet --> idle --> ... --> closed

An idle connection is a socket that the event loop watches, a kilobyte or two, and no greenlet. It holds its place only
until somebody else needs one: then the one that has been silent for longest is closed, those first that have never
asked anything. It does not know what a request is.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from typing import Any

import gevent

from server.http.client_watch import READ

FIRST_BYTE_SECONDS = 30.0
"""How long a new connection may be silent: browsers open some before they need them."""


class TooManyConnections(Exception):
    """There is no place, and no idle connection that could make one; `of_one_address` says which bound it is."""

    def __init__(self, *, of_one_address: bool) -> None:
        super().__init__("too many connections")
        self.of_one_address = of_one_address


class Connection:
    """One client's connection. `parser` belongs to whoever serves it, and lasts from one request to the next."""

    __slots__ = ("address", "idle_since", "is_new", "listener_name", "parser", "peer", "sock", "watcher")

    def __init__(self, sock: Any, address: Any, listener_name: Any, peer: _Peer) -> None:
        self.sock = sock
        self.address = address
        self.listener_name = listener_name
        self.peer = peer
        self.parser: Any = None
        self.idle_since = 0.0
        self.is_new = True
        self.watcher = gevent.get_hub().loop.io(sock.fileno(), READ)

    @property
    def is_silent(self) -> bool:
        """Whether nothing has come that is still to be read."""
        self.sock.settimeout(0.0)
        try:
            return not self.sock.recv(1, socket.MSG_PEEK)
        except OSError:
            return True  # mostly because it would have to wait
        finally:
            self.sock.settimeout(None)


class _Peer:
    """The connections of one address."""

    __slots__ = ("idle", "name", "num_open")

    def __init__(self, name: str) -> None:
        self.name = name
        self.num_open = 0
        self.idle: dict[Connection, None] = {}  # the one that has been idle for longest comes first


class Connections:
    """All connections of this worker. `serve` is called in the event loop when an idle one has something to read."""

    def __init__(
        self, max_connections: int, max_per_address: int, keepalive_seconds: float, serve: Callable[[Connection], None]
    ) -> None:
        self.max_connections = max_connections
        self.max_per_address = max_per_address
        self._keepalive_seconds = keepalive_seconds
        self._serve = serve
        self._peers: dict[str, _Peer] = {}
        self._num_open = 0
        # In both, the one that has been idle for longest comes first.
        self._new: dict[Connection, None] = {}
        self._used: dict[Connection, None] = {}
        self._is_closing = False

    def __len__(self) -> int:
        return self._num_open

    @property
    def num_idle(self) -> int:
        return len(self._new) + len(self._used)

    def add(self, sock: Any, address: Any, listener_name: Any) -> None:
        """Begin to wait for the first request.

        Raises TooManyConnections; `sock` is the caller's then.
        """
        peer = self._make_place(address[0] if isinstance(address, tuple) else "")
        connection = Connection(sock, address, listener_name, peer)
        self._peers[peer.name] = peer
        peer.num_open += 1
        self._num_open += 1
        self.rest(connection)

    def rest(self, connection: Connection) -> None:
        """Wait for the next request of a connection."""
        if self._is_closing and connection.is_silent:
            self.close(connection)
            return
        connection.idle_since = time.monotonic()
        (self._new if connection.is_new else self._used)[connection] = None
        connection.peer.idle[connection] = None
        connection.watcher.start(self._wake, connection)

    def close(self, connection: Connection) -> None:
        self._forget_idle(connection)
        connection.watcher.close()
        with contextlib.suppress(OSError):
            connection.sock.close()
        self._num_open -= 1
        connection.peer.num_open -= 1
        if not connection.peer.num_open:
            self._peers.pop(connection.peer.name, None)

    def close_expired(self) -> None:
        """Close the connections that have been idle for too long; to be called now and then."""
        now = time.monotonic()
        for idle, seconds in ((self._new, FIRST_BYTE_SECONDS), (self._used, self._keepalive_seconds)):
            while idle and next(iter(idle)).idle_since < now - seconds:
                self._retire(next(iter(idle)))

    def close_idle_for(self, seconds: float) -> None:
        """Close those that have been idle for so long."""
        now = time.monotonic()
        for connection in (*self._new, *self._used):
            if connection.idle_since <= now - seconds:
                self._retire(connection)

    def close_idle(self) -> None:
        """Close those that are idle, and from now on every other as soon as it is."""
        self._is_closing = True
        self.close_idle_for(0)

    def close_one_idle(self) -> bool:
        """Make place for somebody; returns whether there was one to be closed."""
        return self._retire_first(self._new) or self._retire_first(self._used)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _make_place(self, name: str) -> _Peer:
        peer = self._peers.get(name) or _Peer(name)
        # Peers of a unix socket have no addresses.
        if name and peer.num_open >= self.max_per_address and not self._retire_first(peer.idle):
            raise TooManyConnections(of_one_address=True)
        if self._num_open >= self.max_connections and not self.close_one_idle():
            raise TooManyConnections(of_one_address=False)
        return peer

    def _retire_first(self, idle: dict[Connection, None]) -> bool:
        """Close the first that really is idle."""
        while idle:
            if self._retire(next(iter(idle))):
                return True
        return False

    def _retire(self, connection: Connection) -> bool:
        """Close an idle connection, unless its next request has arrived just now; returns whether it was closed."""
        if connection.is_silent:
            self.close(connection)
            return True
        self._wake(connection)
        return False

    def _wake(self, connection: Connection) -> None:
        self._forget_idle(connection)
        connection.is_new = False
        self._serve(connection)

    def _forget_idle(self, connection: Connection) -> None:
        connection.watcher.stop()
        self._new.pop(connection, None)
        self._used.pop(connection, None)
        connection.peer.idle.pop(connection, None)
