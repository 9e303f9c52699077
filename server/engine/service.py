"""The engine behind a socket: which request belongs to which connection, and the loop that drives the steps.

Four kinds of thread meet here. A reader for each connection, the intake's thread and the one that compiles grammars
put arrivals into one queue; the engine's thread, which alone touches the engine, takes them between steps.
"""

from __future__ import annotations

import dataclasses
import logging
import queue
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from server.engine.connection import Connection
from server.engine.engine import Engine, Output
from server.engine.grammar_compiler import GrammarCompiler, GrammarError
from server.engine.intake import Intake
from server.engine.messages import (
    Accepted,
    Cancel,
    Command,
    Event,
    Failed,
    Finished,
    Grammar,
    ModelCard,
    ReadStats,
    Rejected,
    Submit,
)
from server.engine.sequence import Request
from server.engine.waiting_queue import QueueFull

logger = logging.getLogger(__name__)

RETRY_SEND_SECONDS = 0.005
"""How soon to try again, while idle, to send what a worker has not taken yet."""

WAIT_FOR_DISK_SECONDS = 0.5
"""How long to wait for a wake-up from the disk before looking whether it is better to compute."""


@dataclass(frozen=True)
class _Connected:
    connection: Connection


@dataclass(frozen=True)
class _Arrived:
    connection: Connection
    request: Request
    accepted: Accepted


@dataclass(frozen=True)
class _Cancelled:
    connection: Connection
    request_id: int


@dataclass(frozen=True)
class _Disconnected:
    connection: Connection


_Prepared = tuple[Request, Accepted]
"""A request that fits, and what to say when it is queued."""


@dataclass(frozen=True)
class _Call:
    """Something to be done on the engine's thread."""

    function: Callable[[], None]


_Arrival = _Connected | _Arrived | _Cancelled | _Disconnected | _Call


@dataclass
class _Open:
    """A request whose last event has not been sent."""

    request: Request
    num_unfinished: int


class Service:
    """Serves an engine to the workers that connect to its socket."""

    def __init__(self, engine: Engine, intake: Intake, grammars: GrammarCompiler, card: ModelCard) -> None:
        self._engine = engine
        self._intake = intake
        self._grammars = grammars
        self._card = card
        self._arrivals: queue.SimpleQueue[_Arrival] = queue.SimpleQueue()
        self._to_prepare: queue.SimpleQueue[tuple[Connection, Submit, float]] = queue.SimpleQueue()
        self._to_compile: queue.SimpleQueue[tuple[Connection, Grammar, _Prepared]] = queue.SimpleQueue()
        self._preparing: set[tuple[Connection, int]] = set()
        self._preparing_lock = threading.Lock()
        self._open: dict[Connection, dict[int, _Open]] = {}

    def listen(self, socket_path: Path) -> None:
        """Create the socket and take connections from now on, on other threads."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(socket_path))
        listener.listen(64)
        threading.Thread(target=self._accept_connections, args=(listener,), daemon=True, name="accept").start()
        threading.Thread(target=self._prepare_requests, daemon=True, name="intake").start()
        threading.Thread(target=self._compile_grammars, daemon=True, name="grammars").start()

    def run(self) -> NoReturn:
        """Step as long as there is work and wait when there is none."""
        while True:
            self._take_arrivals()
            self._dispatch(self._engine.step())
            self._send_rest()
            self._engine.tidy()
            if not self._engine.has_work:
                self._engine.check()

    def wake(self) -> None:
        """From any thread: what the engine waited for has happened."""
        self._arrivals.put(_Call(lambda: None))

    def flush(self, timeout_seconds: float) -> bool:
        """From another thread: have the engine flush between two steps; whether it has in time."""
        is_done = threading.Event()

        def flush() -> None:
            self._engine.flush()
            is_done.set()

        self._arrivals.put(_Call(flush))
        return is_done.wait(timeout_seconds)

    # --- the engine's thread ---

    def _take_arrivals(self) -> None:
        """Take all that has arrived; with nothing to do, wait for something to arrive."""
        try:
            if not self._engine.has_work:
                self._take(self._wait_for_arrival())
            elif self._engine.waits_for_disk:
                self._take(self._arrivals.get(timeout=WAIT_FOR_DISK_SECONDS))
            while True:
                self._take(self._arrivals.get_nowait())
        except queue.Empty:
            pass

    def _wait_for_arrival(self) -> _Arrival:
        while True:
            timeout = self._engine.tidy()
            if self._send_rest():
                timeout = RETRY_SEND_SECONDS
            try:
                return self._arrivals.get(timeout=timeout)
            except queue.Empty:
                pass

    def _send_rest(self) -> bool:
        """Try again to send what workers have not taken; whether anything is left. A busy engine must do this, too."""
        unsent = [connection for connection in self._open if connection.has_unsent]
        for connection in unsent:
            connection.send_rest()
        return any(connection.has_unsent for connection in unsent)

    def _take(self, arrival: _Arrival) -> None:
        if isinstance(arrival, _Call):
            arrival.function()
            return
        requests = self._open.setdefault(arrival.connection, {})
        match arrival:
            case _Arrived(connection, request, accepted):
                self._submit(connection, request, accepted)
            case _Cancelled(_, request_id):
                if cancelled := requests.pop(request_id, None):
                    self._engine.cancel(cancelled.request)
            case _Disconnected(connection):
                for left_behind in self._open.pop(connection).values():
                    self._engine.cancel(left_behind.request)

    def _submit(self, connection: Connection, request: Request, accepted: Accepted) -> None:
        try:
            self._engine.submit(request)
        except QueueFull as full:
            connection.send([Rejected(request.request_id, "overloaded", limit=full.limit)])
            return
        self._open[connection][request.request_id] = _Open(request, request.num_choices)
        connection.send([accepted])

    def _dispatch(self, outputs: list[Output]) -> None:
        """One frame to every connection that something happened for."""
        events: defaultdict[Connection, list[Event]] = defaultdict(list)
        for request, event in outputs:
            assert isinstance(request.owner, Connection)
            events[request.owner].append(event)
            self._close_finished(request.owner, event)
        for connection, of_connection in events.items():
            connection.send(of_connection)

    def _close_finished(self, connection: Connection, event: Event) -> None:
        if isinstance(event, Failed):
            del self._open[connection][event.request_id]
        elif isinstance(event, Finished):
            entry = self._open[connection][event.request_id]
            entry.num_unfinished -= 1
            if entry.num_unfinished == 0:
                del self._open[connection][event.request_id]

    # --- other threads ---

    def _accept_connections(self, listener: socket.socket) -> None:
        while True:
            sock, _ = listener.accept()
            connection = Connection(sock)
            connection.send(self._card)
            self._arrivals.put(_Connected(connection))
            threading.Thread(target=self._read_commands, args=(connection,), daemon=True, name="reader").start()

    def _read_commands(self, connection: Connection) -> None:
        try:
            connection.read(lambda command: self._on_command(connection, command))
        finally:  # also when it sent something that is no command
            with self._preparing_lock:
                self._preparing -= {key for key in self._preparing if key[0] is connection}
            self._arrivals.put(_Disconnected(connection))

    def _on_command(self, connection: Connection, command: Command) -> None:
        """A cancelled request may still be with the intake: then it must not come out of it."""
        match command:
            case Submit():
                with self._preparing_lock:
                    self._preparing.add((connection, command.request_id))
                self._to_prepare.put((connection, command, time.perf_counter()))
            case Cancel(request_id):
                with self._preparing_lock:
                    if (connection, request_id) in self._preparing:
                        self._preparing.remove((connection, request_id))
                    else:
                        self._arrivals.put(_Cancelled(connection, request_id))
            case ReadStats(request_id):
                connection.send([self._engine.stats(request_id)])

    def _prepare_requests(self) -> None:
        while True:
            connection, submit, arrived = self._to_prepare.get()
            if not self._is_awaited(connection, submit.request_id):
                continue  # cancelled, or its worker is gone: not worth minutes of tokenizing
            prepared = self._prepare(connection, submit, arrived)
            if isinstance(prepared, tuple) and submit.grammar is not None:
                self._to_compile.put((connection, submit.grammar, prepared))
            else:
                self._hand_on(connection, submit.request_id, prepared)

    def _compile_grammars(self) -> None:
        while True:
            connection, grammar, (request, accepted) = self._to_compile.get()
            if self._is_awaited(connection, request.request_id):
                self._hand_on(connection, request.request_id, self._compile(grammar, request, accepted))

    def _is_awaited(self, connection: Connection, request_id: int) -> bool:
        with self._preparing_lock:
            return (connection, request_id) in self._preparing

    def _hand_on(self, connection: Connection, request_id: int, prepared: _Prepared | Rejected | Failed) -> None:
        """To the engine, or back to the worker; to nobody if the request has been cancelled meanwhile."""
        with self._preparing_lock:
            if (connection, request_id) not in self._preparing:
                return
            self._preparing.remove((connection, request_id))
            if isinstance(prepared, tuple):
                self._arrivals.put(_Arrived(connection, *prepared))
        if not isinstance(prepared, tuple):
            connection.send([prepared])

    def _compile(self, grammar: Grammar, request: Request, accepted: Accepted) -> _Prepared | Rejected | Failed:
        try:
            return dataclasses.replace(request, grammar=self._grammars.compile(grammar)), accepted
        except GrammarError as error:
            return Rejected(request.request_id, "invalid_grammar", message=str(error))
        except Exception:
            logger.exception("the grammar of request %d cannot be compiled", request.request_id)
            return Failed(request.request_id, "the grammar could not be compiled")

    def _prepare(self, connection: Connection, submit: Submit, arrived: float) -> _Prepared | Rejected | Failed:
        try:
            return self._intake.prepare(connection, submit, arrived)
        except Exception:
            logger.exception("request %d cannot be prepared", submit.request_id)
            return Failed(submit.request_id, "the prompt could not be tokenized")
