"""What a turn reads before anything is generated, and what it stores of itself first: one call of the storage each.

    lock_and_read  the conversation is locked and read, references to items are looked up
    store_turn     what the user sent is durable; only then the client hears anything
    close_again    nothing came of it: the lock is let go, and nothing has been stored

A response without history needs only the second. What the storage refuses is said in the client's words; how it reads
and locks is not known here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemas.responses import ResponsesRequest
from server.errors.tree import InvalidRequest, ItemSentTwice
from server.turns.keeper import LEASE_SECONDS
from storage import opening, responses
from storage.errors import DuplicateItem, RecordNotFound, ResponseStillRunning, StorageError, StorageUnavailable
from storage.leases import locks
from storage.records import Opened

if TYPE_CHECKING:
    from storage.db.database import Database

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Opening:
    """A stored response that is about to be made."""

    response_id: str
    user_id: int
    wanted: ResponsesRequest
    idempotency_key: str | None = None
    """The client's own name for this request, under which it may repeat it."""
    takes_up: str | None = None
    """Response of an earlier attempt, whose place this one takes."""


def refers_to_storage(wanted: ResponsesRequest) -> bool:
    """Whether a request cannot be understood without what is stored."""
    return bool(wanted.conversation_id or wanted.previous_response_id or opening.references(wanted.input))


def read_history(database: Database, user_id: int, wanted: ResponsesRequest) -> Opened:
    """For a response that is not stored: without the lock, as nothing will be added.

    Raises:
        InvalidRequest, StorageError: if what is referred to does not exist.
    """
    with _references_are_named():
        return database.run(
            opening.read_history,
            user_id,
            wanted.input,
            conversation_id=wanted.conversation_id,
            previous_response_id=wanted.previous_response_id,
        )


def lock_and_read(database: Database, new: Opening, worker: str) -> Opened:
    """For a response that is stored; its conversation is locked until the turn ends or `close_again`.

    Raises:
        InvalidRequest, StorageError: as above, and if another turn is going on in the conversation.
    """
    wanted = new.wanted
    if not refers_to_storage(wanted):
        return Opened((), wanted.input)
    with _references_are_named():
        return database.run(
            opening.lock_and_read,
            new.user_id,
            wanted.input,
            owner=new.response_id,
            worker=worker,
            lease_seconds=LEASE_SECONDS,
            conversation_id=wanted.conversation_id,
            previous_response_id=wanted.previous_response_id,
            takes_up=new.takes_up,
        )


def store_turn(
    database: Database, new: Opening, worker: str, body: dict[str, Any], takes_up: str | None = None
) -> None:
    """Store the Response object with its input, unless an attempt that is taken up has stored that.

    Raises StorageError, ItemSentTwice.
    """
    wanted = new.wanted

    def create() -> None:
        database.run(
            responses.create,
            new.user_id,
            body,
            list(wanted.input),
            owner=worker,
            lease_seconds=LEASE_SECONDS,
            conversation_id=wanted.conversation_id,
            previous_response_id=wanted.previous_response_id,
            is_background=wanted.background,
            idempotency_key=new.idempotency_key,
            takes_up=takes_up,
        )

    try:
        create()
    except DuplicateItem as error:
        raise ItemSentTwice(error.public_id, param="input") from error
    except StorageUnavailable as error:
        if not error.is_outcome_unknown:
            raise
        create()  # whether it is there or not: it will be there once


def close_again(database: Database, new: Opening) -> None:
    """Let go what `lock_and_read` took. What cannot be let go now runs out by itself."""
    if new.wanted.conversation_id is None:
        return
    try:
        database.run(locks.unlock, new.user_id, new.wanted.conversation_id, new.response_id)
    except StorageError as error:
        logger.warning("%s stays locked for a while: %s", new.wanted.conversation_id, error)


@contextmanager
def _references_are_named() -> Iterator[None]:
    """What storage says of what the request refers to, in the client's words."""
    try:
        yield
    except DuplicateItem as error:
        raise ItemSentTwice(error.public_id, param="input") from error
    except ResponseStillRunning as error:
        raise _previous_not_ended(error) from error
    except RecordNotFound as error:
        if error.kind == "response":
            raise _previous_not_found(error.public_id) from error
        raise


def _previous_not_ended(error: ResponseStillRunning) -> InvalidRequest:
    return InvalidRequest(
        f"The previous response '{error.public_id}' is still {error.status}.",
        param="previous_response_id",
        code="previous_response_not_ended",
    )


def _previous_not_found(response_id: str) -> InvalidRequest:
    return InvalidRequest(
        f"Previous response with id '{response_id}' not found.",
        param="previous_response_id",
        code="previous_response_not_found",
    )
