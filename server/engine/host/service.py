"""The engine behind a socket: which request belongs to which connection, and the loop that drives the steps.

Four kinds of thread meet here. A reader for each connection and the intake's threads put arrivals into one queue.
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
from server.engine.host.intake_desk import IntakeDesk
from server.engine.host.intake_queue import Entry, IntakeQueue, Prepared
from server.engine.host.served import R, ServedEngine, ServedIntake
from server.engine.scheduling.places import QueueFull
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
    ReadStats,
    Rejected,
    Submit,
    Tokenize,
)

logger = logging.getLogger(__name__)

RETRY_SEND_SECONDS = 0.005
"""Seconds until the next attempt, while idle, to send what a worker has not taken yet."""

RETIRE_SECONDS = 0.05
"""Seconds until a service that retires looks again whether everything is finished, while nothing arrives."""

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

    def __init__(
        self, engine: ServedEngine[R], intake: ServedIntake[R], card: ModelCard, intake_queue: IntakeQueue[R]
    ) -> None:
        self._engine = engine
        self._intake_queue = intake_queue
        self._desk = IntakeDesk(intake, intake_queue, self._arrive, self._send)
        self._card = card
        self._moved_at: float | None = None
        """When the engine's thread last came around, in seconds of `time.monotonic`; None while it waits for work."""
        self._arrivals: queue.SimpleQueue[_Arrival[R]] = queue.SimpleQueue()
        self._open: dict[Connection, dict[int, _Open[R]]] = {}
        self._entrance = threading.Lock()
        """Held while a command is let in, so that none is let in unseen."""
        self._on_retired: Callable[[], None] | None = None
        """Set while the service retires: what to call when everything is finished."""
        self._worked_at = time.monotonic()
        """When there last was something to do."""

    def listen(self, socket_path: Path) -> None:
        """Create the socket and take connections from now on, on other threads."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(socket_path))
        listener.listen(64)
        Thread(target=self._accept_connections, args=(listener,), daemon=True, name="accept").start()
        self._desk.start()

    def run(self) -> NoReturn:
        """Step as long as there is work, and wait when there is none."""
        while True:
            self._moved_at = time.monotonic()
            self._take_arrivals()
            self._dispatch(self._engine.step(self._dispatch))
            self._send_rest()
            self._engine.tidy()
            if any(self._open.values()):
                self._worked_at = time.monotonic()
            if not self._engine.has_work:
                self._engine.check()
                self._retire_if_finished()

    def retire(self, on_retired: Callable[[], None]) -> None:
        """Refuse what comes from now on, and call `on_retired` when the rest is finished. From any thread."""
        with self._entrance:
            self._on_retired = on_retired
        self.wake()

    def retire_if_idle(self, on_retired: Callable[[], None], on_busy: Callable[[], None]) -> None:
        """Retire, but only if there is nothing to finish; else call `on_busy`. From any thread."""

        def decide() -> None:
            with self._entrance:
                is_idle = self._is_finished
                if is_idle:
                    self._on_retired = on_retired
            if not is_idle:
                on_busy()

        self._arrivals.put(_Call(decide))

    def wake(self) -> None:
        """Wake the engine's thread, since what it waited for has happened. From any thread."""
        self._arrivals.put(_Call(lambda: None))

    @property
    def standing_seconds(self) -> float:
        """Seconds since the loop last moved, 0 while it has nothing to do. From any thread."""
        moved_at = self._moved_at
        return 0.0 if moved_at is None else time.monotonic() - moved_at

    @property
    def idle_seconds(self) -> float | None:
        """Seconds since there last was something to do; None while there is. From any thread."""
        is_idle = self._moved_at is None and not len(self._intake_queue)
        return time.monotonic() - self._worked_at if is_idle else None

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
                self._take(self._rest(WAIT_FOR_DISK_SECONDS))
            while True:
                self._take(self._arrivals.get_nowait())
        except queue.Empty:
            pass

    def _wait_for_arrival(self) -> _Arrival[R]:
        while True:
            timeout = self._engine.tidy()
            if self._send_rest():
                timeout = RETRY_SEND_SECONDS
            elif self._on_retired:
                timeout = RETIRE_SECONDS
            try:
                return self._rest(timeout)
            except queue.Empty:
                self._retire_if_finished()

    @property
    def _is_finished(self) -> bool:
        """Whether nothing is left of what was let in, the last events sent included."""
        # In the order in which commands go through: what the intake has let go of has arrived.
        if len(self._intake_queue) or not self._arrivals.empty() or any(self._open.values()):
            return False
        return not any(connection.has_unsent for connection in self._open)

    def _retire_if_finished(self) -> None:
        if self._on_retired and self._is_finished:
            on_retired, self._on_retired = self._on_retired, lambda: None
            on_retired()

    def _rest(self, timeout: float | None) -> _Arrival[R]:
        """Wait for something to arrive, which is no standing still. Raises queue.Empty."""
        self._moved_at = None
        try:
            return self._arrivals.get(timeout=timeout)
        finally:
            self._moved_at = time.monotonic()

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
            connection.read(lambda command, num_bytes: self._on_command(connection, command, num_bytes))
        finally:  # also when the worker sent something that is no command
            self._intake_queue.cancel_all(connection)
            self._arrivals.put(_Disconnected(connection))

    def _on_command(self, connection: Connection, command: Command, num_bytes: int) -> None:
        """Take a command. A cancelled request may still be with the intake, and must not come out of it then."""
        match command:
            case Submit() | Embed() | Tokenize() | Detokenize():
                self._take_in(Entry(connection, command, num_bytes, time.perf_counter()))
            case Cancel(request_id):
                if not self._intake_queue.cancel(connection, request_id):
                    self._arrivals.put(_Cancelled(connection, request_id))
            case ReadStats(request_id):
                stats = self._engine.stats(request_id)
                stats.counters["rejected"] += self._intake_queue.num_refused
                self._send(connection, stats)

    def _take_in(self, entry: Entry[R]) -> None:
        with self._entrance:
            rejected = self._let_in(entry)
        if rejected:
            self._send(entry.connection, rejected)

    def _let_in(self, entry: Entry[R]) -> Rejected | None:
        """Take a command in, or say why not."""
        if self._on_retired:
            return Rejected(entry.command.request_id, "unloading")
        self._worked_at = time.monotonic()
        try:
            self._intake_queue.add(entry)
        except QueueFull as full:
            return Rejected(entry.command.request_id, "overloaded", limit=full.limit)
        return None

    def _arrive(self, connection: Connection, prepared: Prepared[R]) -> None:
        self._arrivals.put(_Arrived(connection, *prepared))

    def _send(self, connection: Connection, event: Event) -> None:
        """Send an event. What does not go out at once is sent by the engine's thread, which may be waiting."""
        connection.send([event])
        if connection.has_unsent:
            self.wake()
