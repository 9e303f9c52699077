"""The engine behind a socket: which request belongs to which connection, and the loop that drives the steps.

Four kinds of thread meet here. A reader for each connection and the intake's two threads put arrivals into one queue.
The engine's thread, which alone touches the engine, takes them between steps. It does not matter here what the engine
makes of a request.
"""

from __future__ import annotations

import logging
import queue
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NoReturn

from server.engine.affinity import Thread
from server.engine.host.connection import Connection
from server.engine.host.served import R, ServedEngine, ServedIntake
from server.engine.scheduling.waiting_queue import QueueFull
from server.protocol.messages import (
    Accepted,
    Cancel,
    Command,
    Detokenize,
    Embed,
    Event,
    Failed,
    Finished,
    ModelCard,
    Question,
    ReadStats,
    Rejected,
    Submission,
    Submit,
    Tokenize,
    Tokens,
)

logger = logging.getLogger(__name__)

RETRY_SEND_SECONDS = 0.005
"""Seconds until the next attempt, while idle, to send what a worker has not taken yet."""

WAIT_FOR_DISK_SECONDS = 0.5
"""Seconds to wait for a wake-up from the disk before looking whether it is better to compute."""


@dataclass(frozen=True)
class _Connected:
    connection: Connection


@dataclass(frozen=True)
class _Arrived(Generic[R]):
    connection: Connection
    request: R
    accepted: Accepted


@dataclass(frozen=True)
class _Cancelled:
    connection: Connection
    request_id: int


@dataclass(frozen=True)
class _Disconnected:
    connection: Connection


@dataclass(frozen=True)
class _Call:
    """A function to be called on the engine's thread."""

    function: Callable[[], None]


_Arrival = _Connected | _Arrived[R] | _Cancelled | _Disconnected | _Call


@dataclass
class _Open(Generic[R]):
    """A request whose last event has not been sent."""

    request: R
    num_unfinished: int


class Service(Generic[R]):
    """Serves an engine to the workers that connect to its socket."""

    def __init__(self, engine: ServedEngine[R], intake: ServedIntake[R], card: ModelCard) -> None:
        self._engine = engine
        self._intake = intake
        self._card = card
        self._arrivals: queue.SimpleQueue[_Arrival[R]] = queue.SimpleQueue()
        self._to_prepare: queue.SimpleQueue[tuple[Connection, Submission | Question, float]] = queue.SimpleQueue()
        self._to_complete: queue.SimpleQueue[tuple[Connection, Submission, R, Accepted]] = queue.SimpleQueue()
        self._preparing: set[tuple[Connection, int]] = set()
        self._preparing_lock = threading.Lock()
        self._open: dict[Connection, dict[int, _Open[R]]] = {}

    def listen(self, socket_path: Path) -> None:
        """Create the socket and take connections from now on, on other threads."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(socket_path))
        listener.listen(64)
        Thread(target=self._accept_connections, args=(listener,), daemon=True, name="accept").start()
        Thread(target=self._prepare_requests, daemon=True, name="intake").start()
        Thread(target=self._complete_requests, daemon=True, name="intake, slow part").start()

    def run(self) -> NoReturn:
        """Step as long as there is work, and wait when there is none."""
        while True:
            self._take_arrivals()
            self._dispatch(self._engine.step(self._dispatch))
            self._send_rest()
            self._engine.tidy()
            if not self._engine.has_work:
                self._engine.check()

    def wake(self) -> None:
        """Wake the engine's thread, since what it waited for has happened. From any thread."""
        self._arrivals.put(_Call(lambda: None))

    def flush(self, timeout_seconds: float) -> bool:
        """Have the engine flush between two steps, from another thread. Returns whether it has in time."""
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

    def _wait_for_arrival(self) -> _Arrival[R]:
        while True:
            timeout = self._engine.tidy()
            if self._send_rest():
                timeout = RETRY_SEND_SECONDS
            try:
                return self._arrivals.get(timeout=timeout)
            except queue.Empty:
                pass

    def _send_rest(self) -> bool:
        """Try again to send what workers have not taken, also while busy. Returns whether anything is left."""
        unsent = [connection for connection in self._open if connection.has_unsent]
        for connection in unsent:
            connection.send_rest()
        return any(connection.has_unsent for connection in unsent)

    def _take(self, arrival: _Arrival[R]) -> None:
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

    def _submit(self, connection: Connection, request: R, accepted: Accepted) -> None:
        try:
            self._engine.submit(request)
        except QueueFull as full:
            connection.send([Rejected(request.request_id, "overloaded", limit=full.limit)])
            return
        self._open[connection][request.request_id] = _Open(request, request.num_choices)
        connection.send([accepted])

    def _dispatch(self, outputs: list[tuple[R, Event]]) -> None:
        """Send one frame to every connection for which something happened."""
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
            Thread(target=self._read_commands, args=(connection,), daemon=True, name="reader").start()

    def _read_commands(self, connection: Connection) -> None:
        try:
            connection.read(lambda command: self._on_command(connection, command))
        finally:  # also when the worker sent something that is no command
            with self._preparing_lock:
                self._preparing -= {key for key in self._preparing if key[0] is connection}
            self._arrivals.put(_Disconnected(connection))

    def _on_command(self, connection: Connection, command: Command) -> None:
        """Take a command. A cancelled request may still be with the intake, and must not come out of it then."""
        match command:
            case Submit() | Embed() | Tokenize() | Detokenize():
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
                self._send(connection, self._engine.stats(request_id))

    def _prepare_requests(self) -> None:
        while True:
            connection, command, arrived = self._to_prepare.get()
            if not self._is_awaited(connection, command.request_id):
                continue  # cancelled, or its worker is gone: not worth minutes of tokenizing
            if isinstance(command, (Tokenize, Detokenize)):
                self._hand_on(connection, command.request_id, self._answer(command))
                continue
            prepared = self._prepare(connection, command, arrived)
            if isinstance(prepared, tuple) and self._intake.has_slow_part(command, prepared[0]):
                self._to_complete.put((connection, command, *prepared))
            else:
                self._hand_on(connection, command.request_id, prepared)

    def _complete_requests(self) -> None:
        while True:
            connection, submit, request, accepted = self._to_complete.get()
            if self._is_awaited(connection, submit.request_id):
                completed = self._complete(submit, request)
                answer = completed if isinstance(completed, (Rejected, Failed)) else (completed, accepted)
                self._hand_on(connection, submit.request_id, answer)

    def _is_awaited(self, connection: Connection, request_id: int) -> bool:
        with self._preparing_lock:
            return (connection, request_id) in self._preparing

    def _hand_on(
        self, connection: Connection, request_id: int, prepared: tuple[R, Accepted] | Tokens | Rejected | Failed
    ) -> None:
        """Pass on what the intake made, to the engine or back to the worker, unless it has been cancelled meanwhile."""
        with self._preparing_lock:
            if (connection, request_id) not in self._preparing:
                return
            self._preparing.remove((connection, request_id))
            if isinstance(prepared, tuple):
                self._arrivals.put(_Arrived(connection, *prepared))
        if not isinstance(prepared, tuple):
            self._send(connection, prepared)

    def _send(self, connection: Connection, event: Event) -> None:
        """Send an event. What does not go out at once is sent by the engine's thread, which may be waiting."""
        connection.send([event])
        if connection.has_unsent:
            self.wake()

    def _complete(self, submit: Submission, request: R) -> R | Rejected | Failed:
        try:
            return self._intake.prepare_slow_part(submit, request)
        except Exception:
            logger.exception("request %d cannot be completed", submit.request_id)
            return Failed(submit.request_id, "the grammar could not be compiled")

    def _prepare(
        self, connection: Connection, submit: Submission, arrived: float
    ) -> tuple[R, Accepted] | Rejected | Failed:
        try:
            return self._intake.prepare(connection, submit, arrived)
        except Exception:
            logger.exception("request %d cannot be prepared", submit.request_id)
            return Failed(submit.request_id, "the prompt could not be tokenized")

    def _answer(self, question: Question) -> Tokens | Rejected | Failed:
        try:
            return self._intake.answer(question)
        except Exception:
            logger.exception("question %d cannot be answered", question.request_id)
            return Failed(question.request_id, "the vocabulary could not be asked")
