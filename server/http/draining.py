"""Whether this worker is about to end, and for how long its running answers may still go on.

        begin(grace_seconds)                      deadline_event is set
    -----------|------------------------------------------|------------------> the worker exits
    all well   |   new requests are refused,              |   who still answers
               |   running answers go on                  |   ends with a final event, at once

One per process, since a worker ends as a whole. It knows neither signals nor requests.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import gevent
from gevent.event import Event

deadline_event = Event()
"""Set when answers must end now; wait for it, or `rawlink` a callback that wakes a waiting stream."""

_deadline = math.inf
_num_works = 0
_no_work = Event()
_no_work.set()


def begin(grace_seconds: float) -> None:
    """Let running answers go on for `grace_seconds`, or less if less was left already. Call it in a greenlet."""
    global _deadline
    _deadline = min(_deadline, time.monotonic() + grace_seconds)
    if seconds_left() > 0:
        gevent.spawn_later(seconds_left(), deadline_event.set)
    else:
        deadline_event.set()


def is_draining() -> bool:
    """Whether new requests are to be refused."""
    return _deadline < math.inf


def seconds_left() -> float:
    """How long running answers may still go on; infinity while nobody wants the worker to end."""
    return max(0.0, _deadline - time.monotonic())


@contextmanager
def work() -> Iterator[None]:
    """Something that must come to its end before this worker exits, though no connection may wait for it."""
    global _num_works
    _num_works += 1
    _no_work.clear()
    try:
        yield
    finally:
        _num_works -= 1
        if not _num_works:
            _no_work.set()


def wait_for_work(timeout_seconds: float) -> bool:
    """Wait until no such thing is left, or the time is up; returns whether nothing is left."""
    return bool(_no_work.wait(timeout_seconds))
