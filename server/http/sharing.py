"""Turns on a worker's event loop, for what would not wait by itself.

A greenlet runs until it waits, and reading from a socket that always has data never waits: neither does a client that
sends requests faster than they are answered, nor one that sends a body in crumbs. It knows nothing of either.
"""

from __future__ import annotations

import gevent

_BEFORE_ALL_OTHERS = 2
"""libev's highest priority. Idle watchers of a lower one wait until nobody has anything to do, perhaps for ever."""


def let_others_run() -> None:
    """Go on when all whose sockets and timers are due had a turn.

    `gevent.sleep(0)` would not do: the loop runs such callbacks up to fifty times in a row before it looks at sockets.
    """
    gevent.idle(_BEFORE_ALL_OTHERS)
