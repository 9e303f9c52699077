"""Where one response is kept: the storage, with its errors in the words of the HTTP side and with patience at the end.

It does not know what a response says.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gevent

from server.errors.tree import DatabaseUnavailable, ParleyError, ResponseGone
from server.turns.event_rows import EventRow
from storage import responses
from storage.errors import RecordNotFound, ResponseEnded, StorageError, StorageUnavailable
from storage.records import StoredEvent

if TYPE_CHECKING:
    from storage.db.database import Database

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 60.0
"""How long the end of a response waits for a database that does not answer."""

MAX_PAUSE_SECONDS = 2.0


class ResponseStore:
    """See `turn.Store`."""

    def __init__(self, database: Database, user_id: int, response_id: str) -> None:
        self._database = database
        self._user_id = user_id
        self._response_id = response_id

    def save(self, items: list[dict[str, Any]], row: EventRow | None) -> None:
        try:
            self._save(items, row)
        except StorageError as error:
            raise self._translated(error) from error

    def save_surely(self, items: list[dict[str, Any]], row: EventRow | None) -> None:
        self._patiently(lambda: self._save(items, row))

    def finish(self, body: dict[str, Any], items: list[dict[str, Any]], row: EventRow | None) -> None:
        self._patiently(lambda: self._finish(body, items, row))

    def _patiently(self, write: Callable[[], None]) -> None:
        """Writing the same twice is harmless."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        pause = 0.1
        while True:
            try:
                write()
                return
            except StorageUnavailable as error:
                if time.monotonic() + pause > give_up_at:
                    raise self._translated(error) from error
                logger.warning("%s waits for the database: %s", self._response_id, error)
            except StorageError as error:
                raise self._translated(error) from error
            gevent.sleep(pause)
            pause = min(2 * pause, MAX_PAUSE_SECONDS)

    def _save(self, items: list[dict[str, Any]], row: EventRow | None) -> None:
        events = _stored_events(row)
        self._database.run(responses.save_output, self._user_id, self._response_id, items, events=events)

    def _finish(self, body: dict[str, Any], items: list[dict[str, Any]], row: EventRow | None) -> None:
        events = _stored_events(row)
        self._database.run(
            responses.finish, self._user_id, self._response_id, body["status"], body, items, events=events
        )

    def _translated(self, error: StorageError) -> ParleyError:
        if isinstance(error, (RecordNotFound, ResponseEnded)):
            return ResponseGone(self._response_id)
        return DatabaseUnavailable(1, may_have_happened=True)


def _stored_events(row: EventRow | None) -> list[StoredEvent]:
    return [] if row is None else [StoredEvent(*row)]
