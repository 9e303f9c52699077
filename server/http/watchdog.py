"""A worker's watchdog: when its event loop stands still, it says what is running instead.

All connections of a worker share one thread, so whatever computes for long holds up everybody. The stacks of all
threads are written to standard error by a thread of C's, which needs no lock of Python's and so sees regular
expressions and other native code at work, too. When the loop goes on, the log says for how long it stood. It knows
nothing of requests.
"""

from __future__ import annotations

import faulthandler
import logging
import sys
import time

import gevent

logger = logging.getLogger(__name__)

BEAT_SECONDS = 0.5
STALL_SECONDS = 2.0
"""Time without the event loop after which its stack is written, once for each time that it stands still."""


def watch() -> gevent.Greenlet:
    """Watch this process's event loop from now on, until the greenlet is killed."""
    return gevent.spawn(_beat)


def _beat() -> None:
    errors = sys.__stderr__ or sys.stderr
    beaten_at = time.monotonic()
    try:
        while True:
            faulthandler.dump_traceback_later(BEAT_SECONDS + STALL_SECONDS, file=errors)
            gevent.sleep(BEAT_SECONDS)
            now = time.monotonic()
            stall_seconds, beaten_at = now - beaten_at - BEAT_SECONDS, now
            if stall_seconds > STALL_SECONDS:
                logger.error("The event loop stood still for %.1f s; what ran then is written above", stall_seconds)
    finally:
        faulthandler.cancel_dump_traceback_later()
