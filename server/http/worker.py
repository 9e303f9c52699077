"""gunicorn's gevent worker with an end that clients can live with.

gunicorn 27's own forgets about running streams when it has to stop: worker and master count down the same
`graceful_timeout`, so the master's SIGKILL arrives before the worker has ended anything, and an idle keep-alive
connection alone makes it wait that long. This one counts backwards from the master's SIGKILL:

    SIGTERM     no new connections; idle ones are closed; new requests are refused (`server.http.draining`)
    G - 2 s     running answers are told to end themselves, with a proper last event
    G - 1 s     what still runs is killed; the worker exits
    G           the master would send SIGKILL          (G = graceful_timeout; SIGINT and SIGQUIT start at G - 2 s)

It knows connections and signals; requests are the application's business.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import time
from functools import partial
from types import FrameType
from typing import Any

import gevent
from gevent.event import Event
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn import util
from gunicorn.http.body import ChunkedReader
from gunicorn.workers.base import Worker
from gunicorn.workers.ggevent import GeventWorker

from server.http import draining, watchdog
from server.http.native_log_locks import use_native_log_locks
from server.http.protocol_errors import TLS_HANDSHAKE, ProtocolError, TLSOnPlainPort

ANSWERS_END_BEFORE_KILL_SECONDS = 2.0
LAST_WORDS_SECONDS = 1.0

LINGER_SECONDS = 5.0
MAX_LINGER_BYTES = 64 << 20
"""For how long, and for how much, a client that is still sending is heard after it has its last answer."""

_HEARTBEAT_SECONDS = 1.0
_DRAINING_CHECK_SECONDS = 0.2


class ParleyWorker(GeventWorker):
    """The worker that gunicorn.conf.py names."""

    @staticmethod
    def check_config(cfg: Any, log: Any) -> None:
        """Called by the master at the start; a RuntimeError ends it with its message."""
        if cfg.is_ssl:
            raise RuntimeError("Parley does not speak TLS itself: put a proxy such as Caddy or nginx in front of it.")

    def init_process(self) -> None:
        self._stop_wanted = Event()
        self._is_urgent = False
        self._header_waits: set[_HeaderWait] = set()
        super().init_process()

    def patch(self) -> None:
        super().patch()
        use_native_log_locks()

    def run(self) -> None:
        """Serve until told to stop, then drain."""
        connections = Pool(self.worker_connections)
        watchdog.watch()
        servers = [self._start_server(listener, connections) for listener in self.sockets]
        while self.alive:
            self.notify()
            self._stop_wanted.wait(_HEARTBEAT_SECONDS)
        for server in servers:
            server.close()
        self._drain(connections)

    def notify(self) -> None:
        """Tell the master that we live; find out whether it does."""
        Worker.notify(self)
        if self.ppid != os.getppid() and not self._is_urgent:
            self.log.info("The gunicorn master is gone, worker %s stops", self.pid)
            self._is_urgent = True
            self.alive = False

    # --- stopping -------------------------------------------------------------------------------------------------

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM. A signal handler may interrupt the event loop itself, so the loop is asked to do the rest."""
        self.alive = False
        gevent.get_hub().loop.run_callback_threadsafe(self._stop_wanted.set)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """SIGINT or SIGQUIT: the same, but nobody wants to wait."""
        self._is_urgent = True
        self.handle_exit(sig, frame)

    def _drain(self, connections: Pool) -> None:
        draining.begin(max(0, self.cfg.graceful_timeout - ANSWERS_END_BEFORE_KILL_SECONDS))
        for wait in list(self._header_waits):
            wait.expire_soon()
        kill_at = math.inf
        while not self._has_drained(connections):
            self.notify()
            if self._is_urgent:
                draining.begin(0)
            kill_at = min(kill_at, time.monotonic() + draining.seconds_left() + LAST_WORDS_SECONDS)
            if time.monotonic() >= kill_at:
                self.log.warning("Worker %s gives up %d connections", self.pid, len(connections))
                connections.kill(timeout=LAST_WORDS_SECONDS / 2)
                return

    def _has_drained(self, connections: Pool) -> bool:
        """Whether nothing is left to do; takes a moment to find out."""
        has_closed = bool(connections.join(timeout=_DRAINING_CHECK_SECONDS))
        return has_closed and draining.wait_for_work(_DRAINING_CHECK_SECONDS)

    # --- connections ----------------------------------------------------------------------------------------------

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve a connection to its end.

        One that speaks TLS is told so: it would wait for our part of the handshake, and we for the end of a line.
        """
        first_byte = self._peek(client)
        if first_byte == TLS_HANDSHAKE:
            self.handle_error(None, client, addr, TLSOnPlainPort())
        elif first_byte:
            super().handle(listener, client, addr)
        util.close(client)

    def _peek(self, client: Any) -> bytes:
        """The first byte of a connection, which stays there to be read; empty if none comes."""
        first_byte = b""
        with self.timeout_ctx(), contextlib.suppress(OSError):
            first_byte = client.recv(1, socket.MSG_PEEK)
        return first_byte

    def _start_server(self, listener: Any, connections: Pool) -> StreamServer:
        listener.setblocking(1)
        server = StreamServer(listener, handle=partial(self.handle, listener), spawn=connections)
        if self.cfg.workers > 1:
            server.max_accept = 1  # Or else the first worker to wake up would take all that wait.
        server.start()
        return server

    def timeout_ctx(self) -> gevent.Timeout:
        """The time limit under which gunicorn waits for the headers of a connection's next request."""
        seconds = self.cfg.keepalive or None  # without keep-alive, gunicorn sets no limit
        return _HeaderWait(0 if draining.is_draining() else seconds, self._header_waits)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:
        """Answer one request; StopIteration means that the connection closes now."""
        try:
            super().handle_request(listener_name, req, sock, addr)
        except StopIteration:
            if _is_still_sending(req):
                # Closing while input is unread would reset the connection, and take our answer with it.
                util.close_graceful(sock, LINGER_SECONDS, MAX_LINGER_BYTES)
            raise

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer what could not be parsed as a request, or what the application let through."""
        if isinstance(exc, gevent.GreenletExit):
            return  # The connection is being given up.
        error = ProtocolError.of(exc)
        if error.is_ours:
            self.log.error("%s: request failed outside of the application", error.request_id, exc_info=exc)
        else:
            self.log.info("%s: refused a connection's input: %s", error.request_id, exc)
        try:
            util.write(client, error.response())
            # Closing while input is unread would reset the connection, and take our answer with it.
            util.close_graceful(client)
        except OSError as write_error:
            self.log.debug("%s: the answer could not be sent: %s", error.request_id, write_error)


def _is_still_sending(req: Any) -> bool:
    """Whether there is more of the request's body than has been read."""
    reader = req.body.reader
    return reader.parser is not None if isinstance(reader, ChunkedReader) else reader.length > 0


class _HeaderWait(gevent.Timeout):
    """Waiting for a request: ends when the time is up, or as soon as the worker drains. Ends silently."""

    def __init__(self, seconds: float | None, waits: set[_HeaderWait]) -> None:
        super().__init__(seconds, False)
        self._waits = waits

    def __enter__(self) -> _HeaderWait:
        self._greenlet = gevent.getcurrent()
        self._waits.add(self)
        super().__enter__()
        return self

    def __exit__(self, *exc_info: Any) -> bool | None:
        self._waits.discard(self)
        suppresses: bool | None = super().__exit__(*exc_info)
        return suppresses

    def expire_soon(self) -> None:
        """Let the time be up as soon as the event loop runs again."""
        gevent.get_hub().loop.run_callback(self._expire)

    def _expire(self) -> None:
        # The headers may have arrived since; the greenlet must not be disturbed at whatever it does then.
        if self in self._waits:
            self._greenlet.throw(self)
