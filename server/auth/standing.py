"""Whether those whose answers are being written may still have them: a key may be revoked, a user disabled meanwhile.

One greenlet of a worker asks again every few seconds, as long as anybody is being answered. It knows no credentials,
and not what becomes of an answer that nobody may have any more.
"""

from __future__ import annotations

from collections.abc import Callable

import gevent

from server.errors.tree import ParleyError, Unauthorized
from storage.errors import StorageUnavailable

ASK_AGAIN_SECONDS = 3.0
"""Seconds between two questions. What the database says is believed for a few more."""

Check = Callable[[], object]
"""Raises Unauthorized if somebody is not let in any more."""


class StandingWatch:
    """All answers that a worker writes, with the checks of those who have asked for them."""

    def __init__(self, ask_again_seconds: float = ASK_AGAIN_SECONDS) -> None:
        self._ask_again_seconds = ask_again_seconds
        self._watched: dict[object, tuple[Check, Callable[[ParleyError], None]]] = {}
        self._is_running = False

    def watch(self, check: Check, on_loss: Callable[[ParleyError], None]) -> Callable[[], None]:
        """Call `on_loss` once, with the error, when `check` raises it. Returns the function that ends this."""
        key = object()
        self._watched[key] = check, on_loss
        if not self._is_running:
            self._is_running = True
            gevent.spawn(self._run)
        return lambda: self._stop(key)

    def _stop(self, key: object) -> None:
        self._watched.pop(key, None)

    def _run(self) -> None:
        try:
            while self._watched:
                gevent.sleep(self._ask_again_seconds)
                for key, (check, on_loss) in list(self._watched.items()):
                    self._ask(key, check, on_loss)
        finally:
            self._is_running = False

    def _ask(self, key: object, check: Check, on_loss: Callable[[ParleyError], None]) -> None:
        try:
            check()
        except Unauthorized as error:
            if self._watched.pop(key, None):
                on_loss(error)
        except StorageUnavailable:
            pass  # whoever was let in stays in while the database cannot be asked
