"""What a request builds on that is not stored itself: the storage is asked only where the request refers to it."""

from __future__ import annotations

from schemas.responses import ResponsesRequest
from server.api.services import services
from server.auth.authentication import current_user
from server.responses.opening import read_history, refers_to_storage
from storage.records import Opened


def opened(wanted: ResponsesRequest) -> Opened:
    """The history of the current user's request, and its input with references looked up.

    Raises:
        InvalidRequest, StorageError: if what is referred to does not exist.
    """
    if not refers_to_storage(wanted):
        return Opened((), wanted.input)
    return read_history(services().database, current_user().id, wanted)
