"""What waits for the intake, and in which order: in turns, the short apart from the long, and not more than fits.

Any thread may call it. It knows commands by their sizes; it does not know what becomes of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal

from server.engine.host.connection import Connection
from server.engine.host.served import R
from server.engine.scheduling.places import Places, QueueFull
from server.engine.scheduling.rotation import Rotation
from server.protocol.messages import Accepted, Question, Submission

SHORT_BYTES = 16_384
"""Bytes of a command up to which tokenizing takes only a moment."""

Lane = Literal["short", "long", "slow part"]
"""What waits for one thread. The slow part of a request comes after its first, short or long."""


@dataclass(frozen=True, eq=False)
class Entry(Generic[R]):
    """A command that the intake has not finished. Compared by identity."""

    connection: Connection
    command: Submission | Question
    num_bytes: int
    arrived: float
    """Time at which the engine heard of it, in seconds of `time.perf_counter`."""

    @property
    def lane(self) -> Lane:
        return "short" if self.num_bytes <= SHORT_BYTES else "long"


Prepared = tuple[R, Accepted]
"""A request without its slow part, and the answer for the case that it is queued."""


class IntakeQueue(Generic[R]):
    """Commands that wait for the intake's threads or are in their hands."""

    def __init__(self, max_requests: int, max_bytes: int) -> None:
        self._places = Places(max_requests, max_bytes)
        self._lanes: dict[Lane, Rotation[Entry[R]]] = {
            "short": Rotation(),
            "long": Rotation(),
            "slow part": Rotation(),
        }
        self._entries: dict[tuple[Connection, int], Entry[R]] = {}
        self._waiting: dict[Entry[R], Lane] = {}
        self._prepared: dict[Entry[R], Prepared[R]] = {}
        self._changed = threading.Condition()
        self.num_refused = 0

    def __len__(self) -> int:
        """Number of commands that wait or are being worked on."""
        return len(self._entries)

    def add(self, entry: Entry[R]) -> None:
        """Take a command in.

        Raises:
            QueueFull: if there is no place for it.
        """
        with self._changed:
            try:
                self._places.enter(entry.command.queue_key.caller, entry.num_bytes)
            except QueueFull:
                self.num_refused += 1
                raise
            self._entries[entry.connection, entry.command.request_id] = entry
            self._put(entry, entry.lane)

    def take(self, lane: Lane) -> Entry[R]:
        """The command whose turn it is; waits for one."""
        with self._changed:
            rotation = self._lanes[lane]
            self._changed.wait_for(lambda: rotation)
            entry = next(rotation.in_order())
            rotation.take(entry.command.queue_key, entry)
            del self._waiting[entry]
            return entry

    def add_slow_part(self, entry: Entry[R], prepared: Prepared[R]) -> None:
        """Have a command wait for its slow part, unless it has been cancelled meanwhile."""
        with self._changed:
            if self._is_awaited(entry):
                self._prepared[entry] = prepared
                self._put(entry, "slow part")

    def prepared(self, entry: Entry[R]) -> Prepared[R] | None:
        """What the first part made of a command; None if it has been cancelled meanwhile."""
        return self._prepared.get(entry)

    def finish(self, entry: Entry[R], deliver: Callable[[], None]) -> None:
        """Let go of a command and call `deliver`, unless it has been cancelled meanwhile.

        A cancellation comes before both, and has its effect here, or after both.
        """
        with self._changed:
            if self._is_awaited(entry):
                self._forget(entry)
                deliver()

    def cancel(self, connection: Connection, request_id: int) -> bool:
        """Forget a command; False if there is none."""
        with self._changed:
            entry = self._entries.get((connection, request_id))
            if entry is None:
                return False
            self._forget(entry)
            return True

    def cancel_all(self, connection: Connection) -> None:
        """Forget all commands of a connection."""
        with self._changed:
            for entry in [entry for entry in self._entries.values() if entry.connection is connection]:
                self._forget(entry)

    def _is_awaited(self, entry: Entry[R]) -> bool:
        return self._entries.get((entry.connection, entry.command.request_id)) is entry

    def _put(self, entry: Entry[R], lane: Lane) -> None:
        self._lanes[lane].add(entry.command.queue_key, [entry])
        self._waiting[entry] = lane
        self._changed.notify_all()

    def _forget(self, entry: Entry[R]) -> None:
        del self._entries[entry.connection, entry.command.request_id]
        self._prepared.pop(entry, None)
        if lane := self._waiting.pop(entry, None):
            self._lanes[lane].remove(entry.command.queue_key, entry)
        self._places.leave(entry.command.queue_key.caller, entry.num_bytes)
