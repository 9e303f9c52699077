"""The events of a stored turn from any event on, through the storage, whichever worker makes it.

They arrive every half second. What has no events of its own, since it was never streamed, is told from its end, as a
stream that is the same every time. It does not know HTTP, nor what an event says.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import gevent

from server.turns.event_rows import unpack
from server.turns.teller import WireEvent
from storage.errors import StorageUnavailable

POLL_SECONDS = 0.25

PATIENCE_SECONDS = 60.0
"""How long a follower waits for a database that does not answer."""

Read = Callable[[int], Sequence[str]]
"""The next rows with events numbered higher than that."""

Look = Callable[[], dict[str, Any]]
"""The object that the turn makes, as it is stored now."""


class Ending(Protocol):
    """What one wire says of the end of a turn."""

    def is_running(self, body: dict[str, Any], /) -> bool:
        """Whether the object says that it is still being made."""
        ...

    def is_terminal(self, event: WireEvent, /) -> bool:
        """Whether no event comes after this one."""
        ...

    def terminal(self, body: dict[str, Any], /) -> dict[str, Any]:
        """The terminal event for an object that has ended, without a number."""
        ...

    def replay(self, body: dict[str, Any], /) -> list[WireEvent]:
        """All events for an object that has ended, as if each text had come in one piece."""
        ...


def follow_stored(
    ending: Ending, read: Read, look: Look, after: int, silence_seconds: float
) -> Iterator[list[WireEvent]]:
    """Events numbered higher than `after` until the terminal one; [] after a silence.

    Raises:
        StorageError: if the turn is gone, or the database has not answered for a minute.
    """
    quiet_until = time.monotonic() + silence_seconds
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    last = after
    while True:
        try:
            events, is_over = _next(ending, read, look, last)
            give_up_at = time.monotonic() + PATIENCE_SECONDS
        except StorageUnavailable:
            if time.monotonic() >= give_up_at:
                raise
            events, is_over = [], False
        if events:
            yield events
        if is_over:
            return
        if events:
            last = events[-1]["sequence_number"]
            quiet_until = time.monotonic() + silence_seconds
        elif time.monotonic() >= quiet_until:
            quiet_until = time.monotonic() + silence_seconds
            yield []
        else:
            gevent.sleep(POLL_SECONDS)


def _next(ending: Ending, read: Read, look: Look, last: int) -> tuple[list[WireEvent], bool]:
    """Events after that one, and whether nothing comes after them."""
    body = look()  # before the events, which are stored no later than the end
    events = _unpacked(read(last), last)
    if events:
        return events, ending.is_terminal(events[-1])
    if ending.is_running(body):
        return [], False
    return _rest(ending, read, body, after=last), True


def numbered(number: int, event: dict[str, Any]) -> WireEvent:
    """An event with its number, in the order of the wire."""
    return {"type": event["type"], "sequence_number": number, **event}


def _rest(ending: Ending, read: Read, body: dict[str, Any], after: int) -> list[WireEvent]:
    """What is missing after that event of a turn that has ended, though no stored event comes after it.

    Whoever has seen the terminal event misses nothing. Otherwise exactly that is missing, unless no event was stored at
    all: then the end is told as a stream, or as much as is missing of that.
    """
    stored = list(_all_stored(read))
    if stored and ending.is_terminal(stored[-1]):
        return []
    told = [] if stored else ending.replay(body)
    missing = [event for event in told if event["sequence_number"] > after]
    return missing or [numbered(after + 1, ending.terminal(body))]


def _all_stored(read: Read) -> Iterator[WireEvent]:
    last = -1
    while events := _unpacked(read(last), last):
        yield from events
        last = events[-1]["sequence_number"]


def _unpacked(rows: Sequence[str], after: int) -> list[WireEvent]:
    """Each event once: rows may overlap, where it was not known whether the first of them had been stored."""
    events = []
    for row in rows:
        for event in unpack(row):
            if event["sequence_number"] > after:
                after = event["sequence_number"]
                events.append(event)
    return events
