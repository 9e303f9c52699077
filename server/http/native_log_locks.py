"""Logging that native threads and greenlets may share.

gevent's monkey patching gives `logging` locks that work between greenlets only: a native thread that logs at the same
time as a greenlet hangs both (gevent issues 1744 and 2013). Native locks are right for both here, because a handler
that writes to a stream never switches greenlets while it holds one. Knows nothing of who logs what.
"""

from __future__ import annotations

import _thread
import logging
import weakref


def use_native_log_locks() -> None:
    """Replace the locks of `logging`, of all its handlers and of all that will be made. Call it after patching."""
    logging._lock = _thread.RLock()  # type: ignore[attr-defined]
    logging.Handler.createLock = _create_native_lock  # type: ignore[assignment, method-assign]
    references: list[weakref.ReferenceType[logging.Handler]] = logging._handlerList  # type: ignore[attr-defined]
    for handler in (reference() for reference in references):
        if handler is not None:
            handler.createLock()


def _create_native_lock(handler: logging.Handler) -> None:
    handler.lock = _thread.RLock()
    # As the original does: a process forked while the lock was held must not inherit it locked.
    logging._register_at_fork_reinit_lock(handler)  # type: ignore[attr-defined]
