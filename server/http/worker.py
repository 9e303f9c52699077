"""gunicorn's gevent worker with an end that clients can live with.

gunicorn 27's own forgets about running streams when it has to stop: worker and master count down the same
`graceful_timeout`, so the master's SIGKILL arrives before the worker has ended anything, and an idle keep-alive
connection alone makes it wait that long. This one counts backwards from the master's SIGKILL:

    SIGTERM     no new connections; idle ones are closed; then new requests are refused (`server.http.draining`)
    G - 2 s     running answers are told to end themselves, with a proper last event
    G - 1 s     what still runs is killed; the worker exits
    G           the master would send SIGKILL          (G = graceful_timeout; SIGINT and SIGQUIT start at G - 2 s)

Nor does it let one connection keep the worker from all others: between requests, and between the pieces of one, this
one lets others run; idle connections take no place; what is not asked for is not read.

It knows connections and signals; requests are the application's business.
"""

from __future__ import annotations

import errno
import math
import socket
import time
from functools import partial
from types import FrameType
from typing import Any

import gevent
from gevent.event import Event
from gevent.pool import Group
from gunicorn import util
from gunicorn.workers.base import Worker
from gunicorn.workers.base_async import AsyncWorker
from gunicorn.workers.ggevent import GeventWorker

from server.http import draining, watchdog
from server.http.client_watch import READ
from server.http.connections import Connection, Connections, TooManyConnections
from server.http.lingering import LINGER_SECONDS, linger
from server.http.listener import Listener, allow_many_files, most_connections
from server.http.native_log_locks import use_native_log_locks
from server.http.protocol_errors import TLS_HANDSHAKE, ProtocolError, TLSOnPlainPort
from server.http.requests import ConnectionParser
from server.http.sharing import let_others_run
from server.settings import Settings

ANSWERS_END_BEFORE_KILL_SECONDS = 2.0
LAST_WORDS_SECONDS = 1.0
LAST_REQUESTS_SECONDS = 0.1
"""For how long requests are taken that had been sent when the worker was told to stop, or are sent at that moment."""
RECENT_SECONDS = 1.0
"""Who was answered so lately may be sending the next request, and hears in its answer that it was the last one."""

HEAD_SECONDS = 10.0
"""How long a client may take for a request's head once it has begun."""

REFUSAL_SECONDS = 0.5
MAX_REFUSALS = 64
"""For how long a connection that there is no place for is heard, and how many are; others are closed without a word."""

_CLIENT_IS_GONE = (None, errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.ETIMEDOUT)
"""What a connection fails with when its client has closed it, or has stopped reading."""
_HEARTBEAT_SECONDS = 1.0
_DRAINING_CHECK_SECONDS = 0.2


class ParleyWorker(GeventWorker):
    """The worker that gunicorn.conf.py names."""

    settings: Settings
    lifeline: int
    """Pipe that ends with the master. Both are set after the fork."""

    @staticmethod
    def check_config(cfg: Any, log: Any) -> None:
        """Called by the master at the start; a RuntimeError ends it with its message."""
        if cfg.is_ssl:
            raise RuntimeError("Parley does not speak TLS itself: put a proxy such as Caddy or nginx in front of it.")

    def init_process(self) -> None:
        self._stop_wanted = Event()
        self._is_urgent = False
        self._head_waits: set[_HeadWait] = set()
        self._greenlets = Group()
        self._refusals = Group()
        super().init_process()

    def patch(self) -> None:
        super().patch()
        use_native_log_locks()

    def run(self) -> None:
        """Serve until told to stop, then drain."""
        limits = self.settings
        max_connections = most_connections(allow_many_files(), limits.max_connections)
        max_per_address = limits.max_connections_per_address or math.ceil(max_connections / 2)
        self._connections = Connections(max_connections, max_per_address, self.cfg.keepalive, self._serve)
        watchdog.watch()
        listeners = [self._start_listener(sock) for sock in self.sockets]
        lifeline = gevent.get_hub().loop.io(self.lifeline, READ)
        lifeline.start(self._lose_master, lifeline)
        while self.alive:
            self.notify()
            self._connections.close_expired()
            self._stop_wanted.wait(_HEARTBEAT_SECONDS)
        for listener in listeners:
            listener.close()
        self._drain()

    def notify(self) -> None:
        """Tell the master that we live."""
        Worker.notify(self)  # not gunicorn's gevent worker's, which looks for the master as well

    def _lose_master(self, watcher: Any) -> None:
        """Leave at once: whoever starts the server again needs the port."""
        watcher.stop()
        self.log.info("The gunicorn master is gone, worker %s stops", self.pid)
        self._is_urgent = True
        self.alive = False
        self._stop_wanted.set()

    # --- stopping -------------------------------------------------------------------------------------------------

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM. A signal handler may interrupt the event loop itself, so the loop is asked to do the rest."""
        self.alive = False
        gevent.get_hub().loop.run_callback_threadsafe(self._stop_wanted.set)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """SIGINT or SIGQUIT: the same, but nobody wants to wait."""
        self._is_urgent = True
        self.handle_exit(sig, frame)

    def _drain(self) -> None:
        self._connections.close_idle_for(RECENT_SECONDS)
        gevent.sleep(LAST_REQUESTS_SECONDS)
        self._connections.close_idle()
        draining.begin(max(0, self.cfg.graceful_timeout - ANSWERS_END_BEFORE_KILL_SECONDS))
        for wait in list(self._head_waits):
            wait.expire_soon()
        kill_at = math.inf
        while not self._has_drained():
            self.notify()
            if self._is_urgent:
                draining.begin(0)
            kill_at = min(kill_at, time.monotonic() + draining.seconds_left() + LAST_WORDS_SECONDS)
            if time.monotonic() >= kill_at:
                self.log.warning("Worker %s gives up %d connections", self.pid, len(self._greenlets))
                self._greenlets.kill(timeout=LAST_WORDS_SECONDS / 2)
                return

    def _has_drained(self) -> bool:
        """Whether nothing is left to do; takes a moment to find out."""
        has_closed = bool(self._greenlets.join(timeout=_DRAINING_CHECK_SECONDS))
        return has_closed and draining.wait_for_work(_DRAINING_CHECK_SECONDS)

    # --- connections ----------------------------------------------------------------------------------------------

    def _start_listener(self, sock: Any) -> Listener:
        sock.setblocking(1)
        listener = Listener(sock, partial(self._welcome, sock.getsockname()), self._connections.close_one_idle)
        if self.cfg.workers > 1:
            listener.max_accept = 1  # Or else the first worker to wake up would take all that wait.
        listener.start()
        return listener

    def _welcome(self, listener_name: Any, sock: Any, address: Any) -> None:
        try:
            self._connections.add(sock, address, listener_name)
        except TooManyConnections as error:
            if len(self._refusals) < MAX_REFUSALS:
                self._refusals.spawn(self._refuse, sock, error)
            else:
                util.close(sock)

    def _refuse(self, sock: Any, error: TooManyConnections) -> None:
        """Tell a client that there is no place for it."""
        refusal = ProtocolError.too_many_connections(of_one_address=error.of_one_address)
        self.log.warning("%s: a connection is refused: %s", refusal.request_id, refusal.message)
        self._send_last(sock, refusal, REFUSAL_SECONDS)
        util.close(sock)

    def _serve(self, connection: Connection) -> None:
        self._greenlets.spawn(self._answer, connection)

    def _answer(self, connection: Connection) -> None:
        """Answer what a connection asks, until it has nothing more to ask for the moment."""
        try:
            while self._answer_next(connection):
                if not connection.parser.has_more:
                    self._connections.rest(connection)
                    return
                let_others_run()
        except StopIteration:
            if connection.parser.mesg is not None and connection.parser.mesg.has_unread_body:
                linger(connection.sock)
        except OSError as error:  # gunicorn's NoMoreData is one, too
            if error.errno not in _CLIENT_IS_GONE:
                self.log.exception("A connection failed")
        except BaseException as error:  # noqa: BLE001
            self.handle_error(None, connection.sock, connection.address, error)
        self._connections.close(connection)

    def _answer_next(self, connection: Connection) -> bool:
        """Answer the next request, and say that it was not the last one; raises StopIteration if it was."""
        with _HeadWait(self._head_waits):
            if connection.parser is None:
                if connection.sock.recv(1, socket.MSG_PEEK) == TLS_HANDSHAKE:
                    # It would wait for our part of the handshake, and we for the end of a line.
                    raise TLSOnPlainPort
                connection.parser = ConnectionParser(self.cfg, connection.sock, connection.address)
            request = next(connection.parser)
        # Not gunicorn's gevent worker's, which would go on after a greenlet has been killed.
        AsyncWorker.handle_request(self, connection.listener_name, request, connection.sock, connection.address)
        return True

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer what could not be parsed as a request, or what the application let through."""
        if isinstance(exc, gevent.GreenletExit):
            return  # The connection is being given up.
        error = ProtocolError.too_slow(HEAD_SECONDS) if isinstance(exc, _HeadWait) else ProtocolError.of(exc)
        if error.is_ours:
            self.log.error("%s: request failed outside of the application", error.request_id, exc_info=exc)
        else:
            self.log.info("%s: refused a connection's input: %s", error.request_id, exc)
        self._send_last(client, error, LINGER_SECONDS)

    def _send_last(self, sock: Any, error: ProtocolError, linger_seconds: float) -> None:
        try:
            sock.sendall(error.response())
        except OSError as write_error:
            self.log.debug("%s: the answer could not be sent: %s", error.request_id, write_error)
        else:
            linger(sock, linger_seconds)


class _HeadWait(gevent.Timeout):
    """Waiting for a request's head: raises itself when the time is up, or kills as soon as the worker drains."""

    def __init__(self, waits: set[_HeadWait]) -> None:
        super().__init__(HEAD_SECONDS)
        self._waits = waits

    def __enter__(self) -> _HeadWait:
        self._greenlet = gevent.getcurrent()
        self._waits.add(self)
        super().__enter__()
        return self

    def __exit__(self, *exc_info: Any) -> bool | None:
        self._waits.discard(self)
        suppresses: bool | None = super().__exit__(*exc_info)
        return suppresses

    def expire_soon(self) -> None:
        """Give the connection up as soon as the event loop runs again."""
        gevent.get_hub().loop.run_callback(self._expire)

    def _expire(self) -> None:
        # The head may have arrived since; the greenlet must not be disturbed at whatever it does then.
        if self in self._waits:
            self._greenlet.throw(gevent.GreenletExit())
