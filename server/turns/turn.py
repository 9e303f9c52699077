"""One turn in the making, in a greenlet of its own: answer, keep what there is, tell whoever follows.

    the turn's greenlet      answer -> events -> [the end: stored first, then told]
    a saver, now and then              events so far -> storage
    followers, any number              events from any number on, as they come

The end is stored before anybody hears of it, so what a client has seen end is there afterwards. While it streams, the
storage is touched every half second at most, and never waited for. It does not know HTTP, what a database is, or what
the events say.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import gevent
from gevent.event import Event as Signal

from server.answers.answer import Answer, ClientLeft
from server.errors.tree import InternalError, ParleyError, ResponseGone
from server.http import draining
from server.turns.event_rows import EventRow, pack
from server.turns.teller import Teller, WireEvent
from server.turns.telling import now_seconds, produce, rest

logger = logging.getLogger(__name__)

SAVE_SECONDS = 0.5
"""What a crash may cost of the text, and how often the storage is touched at most."""


class Store(Protocol):
    """Where one turn is kept. Everything raises ParleyError: ResponseGone for good, or something else for now."""

    def save(self, items: list[dict[str, Any]], row: EventRow | None) -> None:
        """Keep the output so far, if that goes at once."""
        ...

    def save_surely(self, items: list[dict[str, Any]], row: EventRow | None) -> None:
        """Keep the output so far, and wait for that if need be."""
        ...

    def finish(self, body: dict[str, Any], items: list[dict[str, Any]], row: EventRow | None) -> None:
        """Keep the end, whatever it takes; only once."""
        ...


class Turn:
    """A turn that is being made. `keeps_events` if somebody may want to follow it later."""

    def __init__(self, store: Store, teller: Teller, answer: Answer, *, keeps_events: bool) -> None:
        """`answer` has been started."""
        self._store = store
        self._teller = teller
        self._answer = answer
        self._keeps_events = keeps_events
        self._events: list[WireEvent] = teller.opening()
        self._untold: list[WireEvent] = []
        self._num_saved = 0
        self._saved_length = 0
        self._next_save = time.monotonic() + SAVE_SECONDS
        self._saver: gevent.Greenlet | None = None
        self._changed = Signal()
        self._is_cancelled = False
        self.error: ParleyError | None = None
        """Why it failed, if it did."""
        self.is_over = False
        self.is_abandoned = False
        """Whether it ended because its client had left."""

    @property
    def body(self) -> dict[str, Any]:
        """The object that it makes, as it is now."""
        return self._teller.body

    @property
    def is_ending(self) -> bool:
        """Whether `body` has an end that is not stored yet: nobody may hear of it before."""
        return self._teller.is_over and not self.is_over

    def start(self, on_end: Callable[[], None]) -> None:
        """Go on with the answer. `on_end` is called once."""
        gevent.spawn(self._run, on_end)

    def cancel(self) -> None:
        """End it as the client wished."""
        self._is_cancelled = True
        self._answer.abandon()

    def leave(self) -> None:
        """End it because nobody listens. Harmless when it is over."""
        if not self.is_over:
            self._answer.abandon()

    def follow(self, after: int = -1, silence_seconds: float | None = None) -> Iterator[list[WireEvent]]:
        """The events numbered higher than `after`, as they come, the terminal one last; [] after a silence."""
        while True:
            self._changed.clear()
            is_over = self.is_over
            events = self._events[after + 1 :]
            if events:
                after = events[-1]["sequence_number"]
                yield events
            elif is_over:
                return
            elif not self._changed.wait(silence_seconds):
                yield []

    def wait(self) -> dict[str, Any]:
        """The object in the end."""
        for _ in self.follow():
            pass
        return self.body

    # --- in its own greenlet ----------------------------------------------------------------------------------------

    def _run(self, on_end: Callable[[], None]) -> None:
        with draining.work():
            try:
                self._finish(self._make())
            finally:
                self.is_over = True
                self._changed.set()
                on_end()

    def _make(self) -> list[WireEvent]:
        """Tell what happens but the end; returns the events of that."""
        try:
            for events in produce(self._answer, self._teller, SAVE_SECONDS):
                if self._teller.is_over:
                    return events
                self._tell_durably(events)
                self._save_now_and_then()
            raise RuntimeError("the answer ended without an end")
        except ClientLeft:
            self.is_abandoned = not self._is_cancelled
            end = self._teller.cancel if self._is_cancelled else self._teller.interrupt
            return [*rest(self._answer, self._teller), *end(self._answer.usage, now_seconds())]
        except ParleyError as error:
            self.error = error
        except Exception:
            logger.exception("the turn %s failed", self.body["id"])
            self.error = InternalError(self.body["id"])
        held = rest(self._answer, self._teller)
        return [*held, *self._teller.fail(self.error, self._answer.usage, now_seconds())]

    def _tell_durably(self, events: list[WireEvent]) -> None:
        """What tells of an item's end waits for the storage; ParleyError if that does not take it."""
        num_open = self._num_open_ended(events)
        self._tell(events[:num_open])
        self._untold = events[num_open:]
        if self._untold:
            self._join_saver()
            self._store.save_surely(self._teller.items, self._row([*self._events, *self._untold]))
            self._num_saved = len(self._events) + len(self._untold)
            self._tell(self._untold)
            self._untold = []

    def _join_saver(self) -> None:
        if self._saver is not None:
            self._saver.join()

    def _finish(self, last: list[WireEvent]) -> None:
        last = self._untold + last
        num_open = self._num_open_ended(last)
        self._tell(last[:num_open])
        last = last[num_open:]
        self._join_saver()
        try:
            self._store.finish(self.body, self._teller.items, self._row([*self._events, *last]))
        except ParleyError as error:
            logger.warning("the end of %s is not stored: %s", self.body["id"], error)
            self.error = error
            last = [self._teller.unkept(error, last[0]["sequence_number"])]
        self._tell(last)

    def _tell(self, events: list[WireEvent]) -> None:
        if events:
            self._events += events
            self._changed.set()

    def _save_now_and_then(self) -> None:
        if time.monotonic() < self._next_save or (self._saver is not None and not self._saver.ready()):
            return
        self._next_save = time.monotonic() + SAVE_SECONDS
        if len(self._events) > self._saved_length:
            self._saved_length = len(self._events)
            self._saver = gevent.spawn(self._save, self._teller.items, list(self._events))

    def _save(self, items: list[dict[str, Any]], events: list[WireEvent]) -> None:
        try:
            self._store.save(items, self._row(events))
        except ResponseGone:
            self.leave()
        except ParleyError as error:
            logger.warning("what there is of %s is not stored yet: %s", self.body["id"], error)
        else:
            self._num_saved = len(events)

    def _row(self, events: list[WireEvent]) -> EventRow | None:
        new = events[self._num_saved :]
        return pack(new) if new and self._keeps_events else None

    def _num_open_ended(self, events: list[WireEvent]) -> int:
        """How many of the events can be told before anything is stored."""
        numbered = enumerate(events)
        return next((number for number, event in numbered if not self._teller.is_open_ended(event)), len(events))
