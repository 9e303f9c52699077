"""Conversations: a title, metadata and, through `storage.items`, a list of items that grows at its end.

Public ids of other users are unknown ids. Lists are in the order of the newest activity, which is kept in microseconds,
and are paged by key: what a page costs does not depend on where it lies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pony import orm
from pony.orm import Database as Db
from pony.orm import raw_sql

from storage import conversation_rows, item_rows, reaping
from storage.db import sql
from storage.db.clock import MICROS, now_micros
from storage.db.json_text import decode, encode
from storage.db.session import writes
from storage.errors import RecordNotFound
from storage.ids import new_id
from storage.records import Conversation, Order, Page


@writes
def create(
    db: Db,
    user_id: int,
    metadata: Mapping[str, str] | None = None,
    items: Sequence[dict[str, Any]] = (),
    *,
    title: str | None = None,
) -> Conversation:
    """A new conversation with its first items, all or nothing. Raises RecordNotFound for a reference to nothing."""
    rows = item_rows.store(db, user_id, items)
    created = _insert(db, user_id, title, metadata or {}, next_position=len(rows))
    item_rows.append_to_conversation(db, created.id, 0, rows).run(db)
    return created


def get(db: Db, user_id: int, public_id: str) -> Conversation:
    """A conversation of this user. Raises RecordNotFound."""
    row = _conversations(db, user_id).where(lambda c: c.public_id == public_id).get()
    if row is None:
        raise RecordNotFound("conversation", public_id)
    return _records(db, [row])[0]


@writes
def update(
    db: Db, user_id: int, public_id: str, metadata: Mapping[str, str] | None = None, title: str | None = None
) -> Conversation:
    """Replace the metadata, the title or both; None leaves either as it is. That is no activity.

    Raises RecordNotFound.
    """
    row_id = get(db, user_id, public_id).id
    if title is not None:
        sql.execute(db, "UPDATE conversations SET title = $title WHERE id = $row_id", title=title, row_id=row_id)
    if metadata is not None:
        text = encode(metadata)
        sql.execute(db, "UPDATE conversations SET metadata = $text WHERE id = $row_id", text=text, row_id=row_id)
        sql.execute(db, "DELETE FROM conversation_metadata WHERE conversation_id = $row_id", row_id=row_id)
        _index_metadata(db, row_id, metadata)
    return get(db, user_id, public_id)


@writes
def suggest_title(db: Db, user_id: int, public_id: str, title: str) -> bool:
    """Give a conversation this title unless it has one; whether the title was needed."""
    cursor = sql.execute(
        db,
        "UPDATE conversations SET title = $title WHERE user_id = $user_id AND public_id = $public_id AND title IS NULL",
        title=title,
        user_id=user_id,
        public_id=public_id,
    )
    return bool(cursor.rowcount)


@writes
def delete(db: Db, user_id: int, public_id: str) -> None:
    """Delete a conversation, with the items that no other conversation and no response has.

    Raises RecordNotFound.
    """
    locked = conversation_rows.lock_row(db, user_id, public_id)
    if locked is None:
        raise RecordNotFound("conversation", public_id)
    batch = sql.Batch()
    batch.add(
        "DELETE FROM items WHERE id IN (SELECT item_id FROM conversation_items WHERE conversation_id = $id)"
        " AND NOT EXISTS (SELECT 1 FROM conversation_items other WHERE other.item_id = items.id"
        " AND other.conversation_id <> $id)"
        " AND NOT EXISTS (SELECT 1 FROM response_items WHERE item_id = items.id)",
        id=locked.id,
    )
    batch.add("DELETE FROM conversations WHERE id = $id", id=locked.id)
    batch.run(db)


def list_page(
    db: Db,
    user_id: int,
    after: str | None = None,
    limit: int = 20,
    order: Order = "desc",
    metadata: Mapping[str, str] | None = None,
) -> Page[Conversation]:
    """A page of the user's conversations by newest activity; `desc` begins with the newest.

    With `metadata`, a conversation is listed if it has all these pairs. `after` is the last id of the page before.
    Raises RecordNotFound when that conversation is gone.
    """
    found = _conversations(db, user_id)
    for key, value in (metadata or {}).items():
        found = _having(db, found, key, value)
    if after is not None:
        found = _beyond(db, user_id, found, after, order)
    if order == "desc":
        found = found.order_by("orm.desc(c.active_at), orm.desc(c.id)")
    else:
        found = found.order_by("c.active_at, c.id")
    return Page.cut(_records(db, found[: limit + 1]), limit)


@writes
def fork(db: Db, user_id: int, public_id: str, item_id: str | None = None) -> Conversation:
    """A new conversation that shares the items up to and including `item_id`, or all of them.

    Title and metadata are copied. Raises RecordNotFound for the conversation or the item.
    """
    source = get(db, user_id, public_id)
    end = item_rows.position_in(db, user_id, source.id, item_id) + 1 if item_id is not None else None
    created = _insert(db, user_id, source.title, source.metadata, next_position=0)
    sql.execute(
        db,
        "INSERT INTO conversation_items (conversation_id, position, item_id)"
        " SELECT $created, position, item_id FROM conversation_items WHERE conversation_id = $source"
        + ("" if end is None else " AND position < $end"),
        created=created.id,
        source=source.id,
        end=end,
    )
    sql.execute(
        db,
        "UPDATE conversations SET next_position = (SELECT coalesce(max(position) + 1, 0) FROM conversation_items"
        " WHERE conversation_id = $created) WHERE id = $created",
        created=created.id,
    )
    return created


# --- rows -----------------------------------------------------------------------------------------------------------


def _insert(
    db: Db, user_id: int, title: str | None, metadata: Mapping[str, str], *, next_position: int
) -> Conversation:
    public_id, now = new_id("conv"), now_micros()
    row_id = sql.insert(
        db,
        "conversations",
        public_id=public_id,
        user_id=user_id,
        title=title,
        metadata=encode(metadata),
        created_at=now // MICROS,
        active_at=now,
        next_position=next_position,
    )
    _index_metadata(db, row_id, metadata)
    return Conversation(row_id, public_id, now // MICROS, now // MICROS, title, dict(metadata))


def _index_metadata(db: Db, row_id: int, metadata: Mapping[str, str]) -> None:
    rows = [(row_id, key, value) for key, value in metadata.items()]
    sql.insert_rows(db, "conversation_metadata", ("conversation_id", "key", "value"), rows)


def _having(db: Db, found: Any, key: str, value: str) -> Any:
    # Pony's decompiler takes a generator in a lambda apart wrongly.
    return found.where(
        lambda c: raw_sql(
            "EXISTS (SELECT 1 FROM conversation_metadata m"
            " WHERE m.conversation_id = c.id AND m.key = $key AND m.value = $value)"
        )
    )


def _beyond(db: Db, user_id: int, found: Any, after: str, order: Order) -> Any:
    """The query, without the conversations up to `after` in that order.

    The pair is compared as one, because only then is the index entered at the right place.
    """
    place = orm.select(
        (c.active_at, c.id) for c in db.Conversation if c.user_id == user_id and c.public_id == after
    ).get()
    if place is None:
        raise RecordNotFound("conversation", after)
    if order == "desc":
        return found.where(lambda c: raw_sql("(c.active_at, c.id) < ($place[0], $place[1])"))
    return found.where(lambda c: raw_sql("(c.active_at, c.id) > ($place[0], $place[1])"))


def _conversations(db: Db, user_id: int) -> Any:
    return orm.select(
        (c.id, c.public_id, c.created_at, c.active_at, c.title, c.metadata, c.lock_owner)
        for c in db.Conversation
        if c.user_id == user_id
    )


def _records(db: Db, rows: Sequence[tuple[Any, ...]]) -> list[Conversation]:
    """Of conversations that are locked, the owners of the locks are looked up."""
    living = reaping.living(db, [row[-1] for row in rows if row[-1] is not None])
    return [_record(*row[:-1], active_response_id=row[-1] if row[-1] in living else None) for row in rows]


def _record(
    row_id: int,
    public_id: str,
    created_at: int,
    active_at: int,
    title: str | None,
    metadata: str,
    *,
    active_response_id: str | None,
) -> Conversation:
    return Conversation(row_id, public_id, created_at, active_at // MICROS, title, decode(metadata), active_response_id)
