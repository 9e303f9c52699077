"""The items of a conversation, in their order. Adding is all or nothing, and two who add at once do not mix theirs.

`conversation_id` is the public id. Positions only grow; a deleted item leaves a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pony import orm
from pony.orm import Database as Db

from storage import conversation_rows, conversations, item_rows
from storage.db import sql
from storage.db.session import writes
from storage.errors import RecordNotFound
from storage.item_rows import record
from storage.records import Conversation, Order, Page, StoredItem


@writes
def add(db: Db, user_id: int, conversation_id: str, items: Sequence[dict[str, Any]]) -> list[StoredItem]:
    """Append them, see `item_rows.store` for their ids. Raises RecordNotFound and DuplicateItem."""
    locked = conversation_rows.lock_row(db, user_id, conversation_id)
    if locked is None:
        raise RecordNotFound("conversation", conversation_id)
    rows = item_rows.store(db, user_id, items)
    batch = item_rows.append_to_conversation(db, locked.id, locked.next_position, rows)
    conversation_rows.advance(batch, locked.id, locked.next_position + len(rows))
    batch.run(db)
    return [row.item for row in rows]


def get(db: Db, user_id: int, conversation_id: str, public_id: str) -> StoredItem:
    """Raises RecordNotFound for the conversation or the item."""
    row_id = conversations.get(db, user_id, conversation_id).id
    row = _items(db, row_id).where(lambda i: i.user_id == user_id and i.public_id == public_id).get()
    if row is None:
        raise RecordNotFound("item", public_id)
    return record(row)


def find(db: Db, user_id: int, public_ids: Sequence[str]) -> dict[str, StoredItem]:
    """Those of the user's items that exist, by id, wherever they belong."""
    return item_rows.find(db, user_id, public_ids)


@writes
def delete(db: Db, user_id: int, conversation_id: str, public_id: str) -> Conversation:
    """Take it out of this conversation; forks and responses keep it. Raises RecordNotFound."""
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
    """In order of position, `desc` begins with the newest. Raises RecordNotFound for the conversation or `after`."""
    row_id = conversations.get(db, user_id, conversation_id).id
    found = _items(db, row_id)
    if after is not None:
        position = item_rows.position_in(db, user_id, row_id, after)
        if order == "desc":
            found = found.where(lambda link: link.position < position)
        else:
            found = found.where(lambda link: link.position > position)
    rows = [record(row) for row in _ordered(found, order)[: limit + 1]]
    return Page(tuple(rows[:limit]), has_more=len(rows) > limit)


def list_all(db: Db, user_id: int, conversation_id: str) -> list[StoredItem]:
    """All items of a conversation, the oldest first. Raises RecordNotFound."""
    return all_in_row(db, conversations.get(db, user_id, conversation_id).id)


def all_in_row(db: Db, row_id: int) -> list[StoredItem]:
    """All items of the conversation whose row has this number, the oldest first."""
    rows = sql.fetch_all(
        db,
        "SELECT i.public_id, i.type, i.status, i.data, i.created_at FROM conversation_items link"
        " JOIN items i ON i.id = link.item_id WHERE link.conversation_id = $row_id ORDER BY link.position",
        row_id=row_id,
    )
    return [record(row) for row in rows]


def before(db: Db, user_id: int, conversation_id: str, position: int) -> list[StoredItem]:
    """Those that a turn beginning at this position found there, as far as they still exist; oldest first."""
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


def _ordered(found: Any, order: Order) -> Any:
    if order == "desc":
        return found.order_by("orm.desc(link.position)")
    return found.order_by("link.position")


def _items(db: Db, row_id: int) -> Any:
    return orm.select(
        (i.public_id, i.type, i.status, i.data, i.created_at)
        for link in db.ConversationItem
        for i in db.Item
        if link.conversation_id == row_id and i.id == link.item_id
    )
