"""Items as rows: one row each, however many conversations and responses refer to it.

    items  <-  conversation_items (position)     what a conversation consists of; a fork shares its items
           <-  response_items (position)         what a response was given and what it answered

Items are always the owner's: an id of one user may name another item of another user.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pony import orm
from pony.orm import Database as Db

from storage.db import sql
from storage.db.clock import now_seconds
from storage.db.json_text import decode, encode
from storage.errors import DuplicateItem, RecordNotFound
from storage.ids import item_prefix, new_id
from storage.records import Order, Page, StoredItem
from storage.search import index

REFERENCE = "item_reference"


@dataclass(frozen=True, slots=True)
class ItemRow:
    """An item and its row's number."""

    id: int
    item: StoredItem
    is_new: bool
    instead_of: ItemRow | None = None
    """The item whose id this one was sent with, before it got one of its own."""

    @property
    def named(self) -> ItemRow:
        """What the client's id for it names."""
        return self.instead_of or self


def store(db: Db, user_id: int, items: Sequence[dict[str, Any]]) -> list[ItemRow]:
    """Rows for the items as they go on the wire, in their order.

    An item without id gets one. An item that is stored already with equal content shares that row, and a reference has
    the row that it refers to. An id that other content has already is replaced by a new one; that other item and this
    one cannot be in one conversation. Raises RecordNotFound for a reference to nothing.
    """
    given = {item["id"] for item in items if item.get("id")}
    known = {row.item.public_id: row for row in _find(db, user_id, given)}
    rows = []
    for item in items:
        row = _row_of(db, user_id, item, known)
        known[row.item.public_id] = row
        rows.append(row)
    return rows


def _row_of(db: Db, user_id: int, item: dict[str, Any], known: dict[str, ItemRow]) -> ItemRow:
    public_id = item.get("id")
    stored = known.get(public_id) if public_id else None
    if item.get("type") == REFERENCE:
        if stored is None:
            raise RecordNotFound("item", str(public_id))
        return stored
    if stored is not None and encode(stored.item.data) == encode(item):  # to Python 1 is True, in any order of keys
        return stored
    if not public_id or stored is not None:
        public_id = new_id(item_prefix(item_type(item)))
    return insert(db, user_id, with_id(item, public_id), instead_of=stored)


def insert(db: Db, user_id: int, data: dict[str, Any], instead_of: ItemRow | None = None) -> ItemRow:
    """A new row for an item that has an id which this user has not used."""
    item = StoredItem(data["id"], item_type(data), data.get("status"), data, now_seconds())
    row_id = sql.insert(
        db,
        "items",
        public_id=item.public_id,
        user_id=user_id,
        type=item.type,
        status=item.status,
        data=encode(data),
        created_at=item.created_at,
    )
    return ItemRow(row_id, item, is_new=True, instead_of=instead_of)


def replace(db: Db, batch: sql.Batch, user_id: int, row_id: int, data: dict[str, Any]) -> None:
    """Store an item that has grown or ended. In the end it can be found."""
    batch.add(
        "UPDATE items SET status = $status, data = $data WHERE id = $row_id",
        status=data.get("status"),
        data=encode(data),
        row_id=row_id,
    )
    index.replace_item(db, batch, user_id, row_id, data)


def delete_unreachable(batch: sql.Batch, row_ids: Sequence[int]) -> None:
    """Delete the items among these that nothing refers to any more."""
    for start in range(0, len(row_ids), 100):
        some = row_ids[start : start + 100]
        batch.add(
            f"DELETE FROM items WHERE id {sql.one_of('some', some)}"
            " AND NOT EXISTS (SELECT 1 FROM conversation_items WHERE item_id = items.id)"
            " AND NOT EXISTS (SELECT 1 FROM response_items WHERE item_id = items.id)",
            some=some,
        )


def append_to_conversation(
    db: Db, user_id: int, conversation_id: int, position: int, rows: Sequence[ItemRow]
) -> sql.Batch:
    """Statements that link the items to the conversation from `position` on, and let them be found.

    `conversation_rows.advance` has to follow. Raises DuplicateItem for an id that is in the conversation already,
    whatever the item says.
    """
    _refuse_repeated(db, conversation_id, rows)
    links = [(conversation_id, position + number, row.id) for number, row in enumerate(rows)]
    batch = sql.Batch()
    batch.insert_rows("conversation_items", ("conversation_id", "position", "item_id"), links)
    for row in rows:
        index.add_item(db, batch, user_id, row.id, row.item.data, is_new=row.is_new)
    return batch


def append_to_response(
    batch: sql.Batch, response_id: int, position: int, rows: Iterable[ItemRow], *, is_output: bool
) -> None:
    """Link the items to the response from `position` on."""
    links = [(response_id, position + number, row.id, is_output) for number, row in enumerate(rows)]
    batch.insert_rows("response_items", ("response_id", "position", "item_id", "is_output"), links)


def _refuse_repeated(db: Db, conversation_id: int, rows: Sequence[ItemRow]) -> None:
    named: dict[int, ItemRow] = {}
    for row in (row.named for row in rows):
        if row.id in named:
            raise DuplicateItem(row.item.public_id)
        named[row.id] = row
    old = [row.id for row in named.values() if not row.is_new]
    for known in sql.in_batches(old):
        found = orm.select(
            link.item_id
            for link in db.ConversationItem
            if link.conversation_id == conversation_id and link.item_id in known
        ).first()
        if found is not None:
            raise DuplicateItem(named[found].item.public_id)


def _find(db: Db, user_id: int, public_ids: Iterable[str]) -> list[ItemRow]:
    return [row for wanted in sql.in_batches(list(public_ids)) for row in _find_some(db, user_id, wanted)]


def _find_some(db: Db, user_id: int, wanted: Sequence[str]) -> list[ItemRow]:
    found = orm.select(
        (i.id, i.public_id, i.type, i.status, i.data, i.created_at)
        for i in db.Item
        if i.user_id == user_id and i.public_id in wanted
    )
    return [ItemRow(row[0], record(row[1:]), is_new=False) for row in found]


def position_in(db: Db, user_id: int, conversation_id: int, public_id: str) -> int:
    """Position of an item in the conversation whose row has this number. Raises RecordNotFound."""
    return place_in(db, user_id, conversation_id, public_id)[0]


def place_in(db: Db, user_id: int, conversation_id: int, public_id: str) -> tuple[int, int]:
    """Position of an item in that conversation, and number of the item's row. Raises RecordNotFound.

    Items of a conversation are always its owner's. The owner is named here because an index then finds the item,
    however long the conversation is.
    """
    found = orm.select(
        (link.position, i.id)
        for i in db.Item
        for link in db.ConversationItem
        if i.user_id == user_id
        and i.public_id == public_id
        and link.item_id == i.id
        and link.conversation_id == conversation_id
    ).get()
    if found is None:
        raise RecordNotFound("item", public_id)
    return int(found[0]), int(found[1])


def find(db: Db, user_id: int, public_ids: Sequence[str]) -> dict[str, StoredItem]:
    return {row.item.public_id: row.item for row in _find(db, user_id, set(public_ids))}


# --- reading: queries have the names `i` of the item, and `link` of its place in a conversation or response ----------


COLUMNS = "i.public_id, i.type, i.status, i.data, i.created_at"
"""What `record` needs of a row, in SQL."""


def in_order(found: Any, order: Order = "asc") -> Any:
    """The query, sorted by position; `desc` begins with the last."""
    return found.order_by("orm.desc(link.position)" if order == "desc" else "link.position")


def beyond(found: Any, position: int, order: Order) -> Any:
    """The query, without the items up to this position in that order."""
    if order == "desc":
        return found.where(lambda link: link.position < position)
    return found.where(lambda link: link.position > position)


def page(found: Any, limit: int, order: Order) -> Page[StoredItem]:
    """The first items of the query in that order of their positions."""
    return Page.cut([record(row) for row in in_order(found, order)[: limit + 1]], limit)


def record(row: Sequence[Any]) -> StoredItem:
    """An item from the columns of its row."""
    public_id, item_kind, status, data, created_at = row
    return StoredItem(public_id, item_kind, status, decode(data), created_at)


def item_type(item: dict[str, Any]) -> str:
    """Type of an item. A message may come without it."""
    return str(item.get("type") or "message")


def with_id(item: dict[str, Any], public_id: str) -> dict[str, Any]:
    """The item with this id, in the place of its old one or else as the first key."""
    return {**item, "id": public_id} if "id" in item else {"id": public_id, **item}
