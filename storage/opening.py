"""What a turn reads before anything is generated: the history it builds on, and the items that its input refers to.

    read_history    for a turn that is not stored: nothing will be added, so nothing is locked
    lock_and_read   for a turn that is stored: its conversation is locked first, see `storage.leases.locks`

It does not know what is done with the items.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pony.orm import Database as Db

from storage import items, responses
from storage.db.session import writes_for_now
from storage.errors import DuplicateItem, RecordNotFound, ResponseStillRunning
from storage.leases import locks
from storage.records import Opened
from storage.tables import item_rows, response_rows


def read_history(
    db: Db,
    user_id: int,
    input_items: Sequence[dict[str, Any]],
    *,
    conversation_id: str | None = None,
    previous_response_id: str | None = None,
) -> Opened:
    """Whole history of a turn, without a lock, and its input with references looked up.

    Raises RecordNotFound for the conversation, a response of the chain or a reference to an item, DuplicateItem for an
    item that is referred to twice, and ResponseStillRunning for the previous response.
    """
    history: list[dict[str, Any]] = []
    if conversation_id is not None:
        history = [item.data for item in items.list_all(db, user_id, conversation_id)]
    elif previous_response_id is not None:
        history = _chain(db, user_id, previous_response_id)
    return Opened(history, _looked_up(db, user_id, input_items))


@writes_for_now
def lock_and_read(
    db: Db,
    user_id: int,
    input_items: Sequence[dict[str, Any]],
    *,
    owner: str,
    worker: str,
    lease_seconds: float,
    conversation_id: str | None = None,
    previous_response_id: str | None = None,
    takes_up: str | None = None,
) -> Opened:
    """Whole history of a turn, whose conversation `owner` keeps locked from now on, and its looked up input.

    `owner` is the id of the response that will be made, `worker` the process that makes it. `takes_up` is an attempt at
    this turn that broke off: if nothing was added since, the history ends where it began. Raises as `read_history`
    does, and ConversationLocked.
    """
    if conversation_id is None:
        return read_history(db, user_id, input_items, previous_response_id=previous_response_id)
    held = locks.take(db, user_id, conversation_id, owner, lease_seconds, worker)
    place = response_rows.place_of(db, user_id, takes_up) if takes_up is not None else None
    if place is not None and response_rows.is_last_in_conversation(db, place.response_id):
        before = items.before(db, user_id, conversation_id, place.position)
        return Opened([item.data for item in before], _looked_up(db, user_id, input_items), takes_up)
    history = [item.data for item in items.all_in_row(db, held.id)]
    return Opened(history, _looked_up(db, user_id, input_items))


def references(input_items: Sequence[dict[str, Any]]) -> list[str]:
    """Ids of the stored items that an input refers to."""
    return [item["id"] for item in input_items if item.get("type") == item_rows.REFERENCE]


def _chain(db: Db, user_id: int, previous_response_id: str) -> list[dict[str, Any]]:
    previous = responses.get(db, user_id, previous_response_id)
    if previous.is_running:
        raise ResponseStillRunning(previous.public_id, previous.status)
    return responses.chain(db, user_id, previous_response_id)


def _looked_up(db: Db, user_id: int, input_items: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    names = references(input_items)
    if len(set(names)) < len(names):  # each would be gone through again, however long it is
        raise DuplicateItem(next(name for name, number in Counter(names).items() if number > 1))
    found = items.find(db, user_id, names) if names else {}
    missing = next((name for name in names if name not in found), None)
    if missing is not None:
        raise RecordNotFound("item", missing)
    return [found[item["id"]].data if item.get("type") == item_rows.REFERENCE else item for item in input_items]
