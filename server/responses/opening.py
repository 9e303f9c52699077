"""What a turn reads before anything is generated, and what it stores of itself first: one short transaction each.

    lock_and_read  the conversation is locked and read, references to items are looked up
    store_turn     what the user sent is durable; only then the client hears anything
    close_again    nothing came of it: the lock is let go, and nothing has been stored

A response without history needs only the second.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemas.responses import ResponsesRequest
from server.errors import InvalidRequest, ItemSentTwice
from server.responses.prompt import Item, Opened
from storage import items, locks, responses
from storage.db.session import writes_for_now
from storage.errors import DuplicateItem, RecordNotFound, StorageError, StorageUnavailable
from storage.records import Held

if TYPE_CHECKING:
    from storage.db.database import Database

logger = logging.getLogger(__name__)

LEASE_SECONDS = 15.0
"""How long a conversation stays locked after its machine went away; a dead worker of this machine is seen at once."""

REFERENCE = "item_reference"


@dataclass(frozen=True)
class NewTurn:
    """A response that is about to be made."""

    response_id: str
    user_id: int
    wanted: ResponsesRequest
    owner: str
    """The worker that makes it."""


def refers_to_storage(wanted: ResponsesRequest) -> bool:
    """Whether a request cannot be understood without what is stored."""
    return bool(wanted.conversation_id or wanted.previous_response_id or _references(wanted))


def read_history(database: Database, user_id: int, wanted: ResponsesRequest) -> Opened:
    """For a response that is not stored: without the lock, as nothing will be added.

    Raises:
        InvalidRequest, StorageError: if what is referred to does not exist.
    """
    return _opened(database, user_id, wanted, None)


def lock_and_read(database: Database, new: NewTurn) -> Opened:
    """For a response that is stored; its conversation is locked until the turn ends or `close_again`.

    Raises:
        InvalidRequest, StorageError: as above, and if another turn is going on in the conversation.
    """
    return _opened(database, new.user_id, new.wanted, new)


def store_turn(database: Database, new: NewTurn, body: dict[str, Any]) -> None:
    """Store the Response object with its input. Raises StorageError, ItemSentTwice."""
    wanted = new.wanted

    def create() -> None:
        database.run(
            responses.create,
            new.user_id,
            body,
            list(wanted.input),
            owner=new.owner,
            lease_seconds=LEASE_SECONDS,
            conversation_id=wanted.conversation_id,
            previous_response_id=wanted.previous_response_id,
            is_background=wanted.background,
        )

    try:
        create()
    except DuplicateItem as error:
        raise ItemSentTwice(error.public_id, param="input") from error
    except StorageUnavailable as error:
        if not error.is_outcome_unknown:
            raise
        create()  # whether it is there or not: it will be there once


def close_again(database: Database, new: NewTurn) -> None:
    """Let go what `lock_and_read` took. What cannot be let go now runs out by itself."""
    if new.wanted.conversation_id is None:
        return
    try:
        database.run(locks.unlock, new.user_id, new.wanted.conversation_id, new.response_id)
    except StorageError as error:
        logger.warning("%s stays locked for a while: %s", new.wanted.conversation_id, error)


def _opened(database: Database, user_id: int, wanted: ResponsesRequest, lock_for: NewTurn | None) -> Opened:
    if not refers_to_storage(wanted):
        return Opened((), wanted.input)
    try:
        if lock_for is None:
            return database.run(_read, user_id, wanted, None)
        return database.run(_lock_and_read, user_id, wanted, lock_for)
    except RecordNotFound as error:
        if error.kind == "response":
            raise _previous_not_found(error.public_id) from error
        raise


def _read(db: Any, user_id: int, wanted: ResponsesRequest, held: Held | None) -> Opened:
    """In the database."""
    history: Sequence[Item] = ()
    if held is not None:
        history = [item.data for item in items.all_of(db, held.id)]
    elif wanted.conversation_id is not None:
        history = [item.data for item in items.tail(db, user_id, wanted.conversation_id)]
    elif wanted.previous_response_id is not None:
        _check_ended(responses.get(db, user_id, wanted.previous_response_id))
        history = responses.chain(db, user_id, wanted.previous_response_id)
    return Opened(history, _resolved(db, user_id, wanted))


@writes_for_now
def _lock_and_read(db: Any, user_id: int, wanted: ResponsesRequest, lock_for: NewTurn) -> Opened:
    held = None
    if wanted.conversation_id is not None:
        held = locks.take(db, user_id, wanted.conversation_id, lock_for.response_id, LEASE_SECONDS, lock_for.owner)
    return _read(db, user_id, wanted, held)


def _references(wanted: ResponsesRequest) -> list[str]:
    return [item["id"] for item in wanted.input if item.get("type") == REFERENCE]


def _resolved(db: Any, user_id: int, wanted: ResponsesRequest) -> Sequence[Item]:
    names = _references(wanted)
    found = items.find(db, user_id, names) if names else {}
    missing = [name for name in names if name not in found]
    if missing:
        raise RecordNotFound("item", missing[0])
    return [found[item["id"]].data if item.get("type") == REFERENCE else item for item in wanted.input]


def _check_ended(previous: Any) -> None:
    if previous.is_running:
        raise InvalidRequest(
            f"The previous response '{previous.public_id}' is still {previous.status}.",
            param="previous_response_id",
            code="previous_response_not_ended",
        )


def _previous_not_found(response_id: str) -> InvalidRequest:
    return InvalidRequest(
        f"Previous response with id '{response_id}' not found.",
        param="previous_response_id",
        code="previous_response_not_found",
    )
