"""The items of a conversation, in their order. Adding is all or nothing, and two who add at once do not mix theirs.

`conversation_id` is the public id. Positions only grow; a deleted item leaves a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pony import orm
from pony.orm import Database as Db

from storage import conversations
from storage.db import sql
from storage.db.clock import now_seconds
from storage.db.session import writes
from storage.errors import RecordNotFound
from storage.records import Conversation, Order, Page, StoredItem
from storage.tables import conversation_rows, item_rows
from storage.tables.item_rows import record
from storage.tables.sameness import say_the_same

REPEATED_WITHIN_SECONDS = 60
"""OpenAI's clients come back within seconds. Who says the same later says it once more."""


@writes
def add(
    db: Db, user_id: int, conversation_id: str, items: Sequence[dict[str, Any]], *, is_repeated: bool = False
) -> list[StoredItem]:
    """Append items; `item_rows.store` says what ids they get. Raises RecordNotFound and DuplicateItem.

    `is_repeated`: an earlier attempt may have appended them, which nobody heard of. If they are the last ones, and as
    new as that, they are not appended again.
    """
    locked = conversation_rows.lock_row(db, user_id, conversation_id)
    if locked is None:
        raise RecordNotFound("conversation", conversation_id)
    last = _last(db, locked.id, len(items)) if is_repeated else []
    if last and _is_new(last) and say_the_same([item.data for item in last], items):
        return last
    rows = item_rows.store(db, user_id, items)
    batch = item_rows.append_to_conversation(db, user_id, locked.id, locked.next_position, rows)
    conversation_rows.advance(batch, locked.id, locked.next_position + len(rows))
    batch.run(db)
    return [row.item for row in rows]


def get(db: Db, user_id: int, conversation_id: str, public_id: str) -> StoredItem:
    """An item of a conversation. Raises RecordNotFound for either."""
    row_id = conversations.get(db, user_id, conversation_id).id
    row = _items(db, row_id).where(lambda i: i.user_id == user_id and i.public_id == public_id).get()
    if row is None:
        raise RecordNotFound("item", public_id)
    return record(row)


def find(db: Db, user_id: int, public_ids: Sequence[str]) -> dict[str, StoredItem]:
    """The user's items that have one of these ids, by id, wherever they belong."""
    return item_rows.find(db, user_id, public_ids)


@writes
def delete(db: Db, user_id: int, conversation_id: str, public_id: str) -> Conversation:
    """Take an item out of a conversation; forks and responses keep it. Raises RecordNotFound."""
    conversation = conversations.get(db, user_id, conversation_id)
    position, row_id = item_rows.place_in(db, user_id, conversation.id, public_id)
    batch = sql.Batch()
    batch.add(
        "DELETE FROM conversation_items WHERE conversation_id = $row_id AND position = $position",
        row_id=conversation.id,
        position=position,
    )
    item_rows.delete_unreachable(batch, [row_id])
    batch.run(db)
    return conversation


def list_page(
    db: Db, user_id: int, conversation_id: str, after: str | None = None, limit: int = 20, order: Order = "desc"
) -> Page[StoredItem]:
    """A page of a conversation's items; `desc` begins with the newest.

    Raises RecordNotFound for the conversation or `after`.
    """
    row_id = conversations.get(db, user_id, conversation_id).id
    found = _items(db, row_id)
    if after is not None:
        found = item_rows.beyond(found, item_rows.position_in(db, user_id, row_id, after), order)
    return item_rows.page(found, limit, order)


def list_all(db: Db, user_id: int, conversation_id: str) -> list[StoredItem]:
    """All items of a conversation, the oldest first. Raises RecordNotFound."""
    row_id = conversations.get(db, user_id, conversation_id).id
    return [record(row) for row in item_rows.in_order(_items(db, row_id))]


def all_in_row(db: Db, row_id: int) -> list[StoredItem]:
    """All items of the locked conversation whose row has this number, the oldest first.

    Only for functions that write: the statement begins a transaction, which on SQLite waits for other writers.
    """
    rows = sql.fetch_all(
        db,
        f"SELECT {item_rows.COLUMNS} FROM conversation_items link"
        " JOIN items i ON i.id = link.item_id WHERE link.conversation_id = $row_id ORDER BY link.position",
        row_id=row_id,
    )
    return [record(row) for row in rows]


def before(db: Db, user_id: int, conversation_id: str, position: int) -> list[StoredItem]:
    """Items in front of this position that are still there, the oldest first: what a turn found that began here."""
    found = orm.select(
        (i.public_id, i.type, i.status, i.data, i.created_at, link.position)
        for c in db.Conversation
        for link in db.ConversationItem
        for i in db.Item
        if c.user_id == user_id
        and c.public_id == conversation_id
        and link.conversation_id == c.id
        and link.position < position
        and i.id == link.item_id
    )
    return [record(row[:-1]) for row in found.order_by("link.position")]


def _is_new(items: Sequence[StoredItem]) -> bool:
    return all(now_seconds() - item.created_at < REPEATED_WITHIN_SECONDS for item in items)


def _last(db: Db, row_id: int, count: int) -> list[StoredItem]:
    """So many items at the end of a conversation, the oldest first."""
    newest = item_rows.in_order(_items(db, row_id), "desc").limit(count)
    return [record(row) for row in reversed(list(newest))]


def _items(db: Db, row_id: int) -> Any:
    return orm.select(
        (i.public_id, i.type, i.status, i.data, i.created_at)
        for link in db.ConversationItem
        for i in db.Item
        if link.conversation_id == row_id and i.id == link.item_id
    )
