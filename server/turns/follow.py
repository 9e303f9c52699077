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

POLL_SECONDS = 0.25

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
    """Events numbered higher than `after` until the terminal one; [] after a silence."""
    quiet_until = time.monotonic() + silence_seconds
    last = after
    while True:
        body = look()  # before the events, which are stored no later than the end
        events = _unpacked(read(last), last)
        if events:
            last = events[-1]["sequence_number"]
            quiet_until = time.monotonic() + silence_seconds
            yield events
            if ending.is_terminal(events[-1]):
                return
        elif not ending.is_running(body):
            yield _rest(ending, body, after=last, has_events=last >= 0 and last > after)
            return
        elif time.monotonic() >= quiet_until:
            quiet_until = time.monotonic() + silence_seconds
            yield []
        else:
            gevent.sleep(POLL_SECONDS)


def numbered(number: int, event: dict[str, Any]) -> WireEvent:
    """An event with its number, in the order of the wire."""
    return {"type": event["type"], "sequence_number": number, **event}


def _rest(ending: Ending, body: dict[str, Any], after: int, has_events: bool) -> list[WireEvent]:
    """What is missing of a turn that ended without a terminal event in the storage."""
    if has_events:
        return [numbered(after + 1, ending.terminal(body))]
    return [event for event in ending.replay(body) if event["sequence_number"] > after]


def _unpacked(rows: Sequence[str], after: int) -> list[WireEvent]:
    """Each event once: rows may overlap, where it was not known whether the first of them had been stored."""
    events = []
    for row in rows:
        for event in unpack(row):
            if event["sequence_number"] > after:
                after = event["sequence_number"]
                events.append(event)
    return events
