"""Conversations: a title, metadata and, through `storage.items`, a list of items that grows at its end.

Public ids of other users are unknown ids. Lists are in the order of the newest activity, which is kept in microseconds,
and are paged by key: what a page costs does not depend on where it lies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pony.orm import Database as Db
from pony.orm import raw_sql

from storage import chat_settings, conversation_records
from storage.db import sql
from storage.db.clock import MICROS, now_micros
from storage.db.json_text import encode
from storage.db.session import writes
from storage.errors import RecordNotFound
from storage.ids import new_id
from storage.records import ChatSettings, Conversation, Order, Page
from storage.search import index
from storage.tables import conversation_queries, conversation_rows, families, item_rows


@writes
def create(
    db: Db,
    user_id: int,
    metadata: Mapping[str, str] | None = None,
    items: Sequence[dict[str, Any]] = (),
    *,
    title: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Conversation:
    """A new conversation with its first items, all or nothing. Raises RecordNotFound for a reference to nothing.

    `settings` are by column, see `storage.chat_settings`.
    """
    rows = item_rows.store(db, user_id, items)
    created = _insert(db, user_id, title, metadata or {}, next_position=len(rows))
    batch = item_rows.append_to_conversation(db, user_id, created.id, 0, rows)
    families.found(batch, created.id)
    chat_settings.change(batch, created.id, settings or {})
    batch.run(db)
    return replace(created, settings=ChatSettings(**(settings or {})))


def get(db: Db, user_id: int, public_id: str) -> Conversation:
    """A conversation of this user. Raises RecordNotFound."""
    row = conversation_records.select(db, user_id).where(lambda c: c.public_id == public_id).get()
    if row is None:
        raise RecordNotFound("conversation", public_id)
    return conversation_records.read(db, [row])[0]


def by_row(db: Db, user_id: int, row_ids: Sequence[int]) -> dict[int, Conversation]:
    """Conversations of this user by the numbers of their rows."""
    found = conversation_records.select(db, user_id).where(lambda c: c.id in row_ids) if row_ids else ()
    return {record.id: record for record in conversation_records.read(db, list(found))}


@writes
def update(
    db: Db,
    user_id: int,
    public_id: str,
    metadata: Mapping[str, str] | None = None,
    title: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Conversation:
    """Replace the metadata, the title, or settings by their columns; None leaves them as they are. That is no activity.

    Raises RecordNotFound.
    """
    row_id = get(db, user_id, public_id).id
    batch = sql.Batch()
    chat_settings.change(batch, row_id, settings or {})
    if title is not None:
        batch.add("UPDATE conversations SET title = $title WHERE id = $row_id", title=title, row_id=row_id)
        index.set_title(db, batch, user_id, row_id, title)
    batch.run(db)
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
    if not cursor.rowcount:
        return False
    batch = sql.Batch()
    index.set_title(db, batch, user_id, conversation_queries.row_id_of(db, user_id, public_id), title)
    batch.run(db)
    return True


@writes
def delete(db: Db, user_id: int, public_id: str, *, with_family: bool = False) -> None:
    """Delete a conversation, or its whole family, with the items that no other conversation and no response has.

    Forks of a deleted one stay, and the oldest is the root if there was no older one. Raises RecordNotFound.
    """
    locked = conversation_rows.lock_row(db, user_id, public_id)
    if locked is None:
        raise RecordNotFound("conversation", public_id)
    batch = sql.Batch()
    if with_family:
        members = families.members(db, locked.id)
    else:
        members, root_id = [locked.id], families.root_without(db, locked.id)
        if root_id is not None:
            families.hand_over(batch, locked.id, root_id)
    for row_id in members:
        _delete_items(batch, row_id)
    for some in sql.in_batches(members):
        batch.add(f"DELETE FROM conversations WHERE id {sql.one_of('some', some)}", some=some)
    batch.run(db)


def _delete_items(batch: sql.Batch, row_id: int) -> None:
    """Empty a conversation."""
    batch.add(
        "DELETE FROM items WHERE id IN (SELECT item_id FROM conversation_items WHERE conversation_id = $id)"
        " AND NOT EXISTS (SELECT 1 FROM conversation_items other WHERE other.item_id = items.id"
        " AND other.conversation_id <> $id)"
        " AND NOT EXISTS (SELECT 1 FROM response_items WHERE item_id = items.id)",
        id=row_id,
    )
    batch.add("DELETE FROM conversation_items WHERE conversation_id = $id", id=row_id)


def list_page(
    db: Db,
    user_id: int,
    after: str | None = None,
    limit: int = 20,
    order: Order = "desc",
    metadata: Mapping[str, str] | None = None,
    *,
    forked_from: str | None = None,
    root: str | None = None,
    is_pinned: bool | None = None,
    is_archived: bool | None = None,
) -> Page[Conversation]:
    """A page of the user's conversations by newest activity; `desc` begins with the newest.

    Listed are, with `metadata`, those that have all these pairs, with `forked_from` direct forks of that one, and with
    `root` the family whose root that is. `after` is the last id of the page before. Raises RecordNotFound for a
    conversation that is named and is not there.
    """
    found = conversation_queries.narrowed(
        db, conversation_records.select(db, user_id), metadata, is_pinned, is_archived
    )
    if forked_from is not None:
        source_id = conversation_queries.row_id_of(db, user_id, forked_from)
        found = found.where(lambda c: c.forked_from_id == source_id)
    if root is not None:
        root_id = conversation_queries.row_id_of(db, user_id, root)
        found = found.where(lambda c: c.root_id == root_id)
    found = conversation_queries.listed(db, user_id, found, "active_at", after, order)
    return Page.cut(conversation_records.read(db, found[: limit + 1]), limit)


def roots_page(
    db: Db,
    user_id: int,
    after: str | None = None,
    limit: int = 20,
    order: Order = "desc",
    metadata: Mapping[str, str] | None = None,
    *,
    is_pinned: bool | None = None,
    is_archived: bool | None = None,
) -> Page[Conversation]:
    """A page of the user's families by the newest activity in them, as their roots. Otherwise as `list_page`.

    What is asked of conversations is asked of the roots.
    """
    found = found_roots(db, user_id, after, limit, order, metadata, is_pinned=is_pinned, is_archived=is_archived)
    page = Page.cut(found, limit)
    known = families.of_roots(db, [root.id for root in page.data])
    return Page(tuple(replace(root, family=known.get(root.id)) for root in page.data), page.has_more)


def found_roots(
    db: Db,
    user_id: int,
    after: str | None = None,
    limit: int = 20,
    order: Order = "desc",
    metadata: Mapping[str, str] | None = None,
    *,
    is_pinned: bool | None = None,
    is_archived: bool | None = None,
) -> list[Conversation]:
    """The roots of a page and one more, without what there is to say of their families."""
    roots = conversation_records.select(db, user_id).where(lambda c: raw_sql("c.root_id = c.id"))
    found = conversation_queries.narrowed(db, roots, metadata, is_pinned, is_archived)
    found = conversation_queries.listed(db, user_id, found, "family_active_at", after, order)
    return conversation_records.read(db, found[: limit + 1])


@writes
def fork(
    db: Db, user_id: int, public_id: str, item_id: str | None = None, *, before: str | None = None
) -> Conversation:
    """A new conversation that shares the items up to and including `item_id`, or those in front of `before`, or all.

    Title, metadata, instructions and defaults are copied. Raises RecordNotFound for the conversation or the item.
    """
    source = get(db, user_id, public_id)
    end = None
    if (named := item_id or before) is not None:
        end = item_rows.position_in(db, user_id, source.id, named) + (1 if item_id else 0)
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
    last = sql.fetch_one(
        db,
        "SELECT i.public_id, l.position FROM conversation_items l JOIN items i ON i.id = l.item_id"
        " WHERE l.conversation_id = $created ORDER BY l.position DESC LIMIT 1",
        created=created.id,
    )
    last_item_id, position = last or (None, -1)
    batch = sql.Batch()
    families.join(batch, created.id, source.id, last_item_id, position + 1)
    chat_settings.copy(batch, created.id, source.id)
    batch.add(
        "UPDATE conversations SET next_position = $next_position WHERE id = $created",
        next_position=position + 1,
        created=created.id,
    )
    batch.run(db)
    return get(db, user_id, created.public_id)


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
        family_active_at=now,
        next_position=next_position,
    )
    _index_metadata(db, row_id, metadata)
    batch = sql.Batch()
    index.set_title(db, batch, user_id, row_id, title, is_new=True)
    batch.run(db)
    return Conversation(row_id, public_id, now // MICROS, now // MICROS, title, dict(metadata), root_id=public_id)


def _index_metadata(db: Db, row_id: int, metadata: Mapping[str, str]) -> None:
    rows = [(row_id, key, value) for key, value in metadata.items()]
    sql.insert_rows(db, "conversation_metadata", ("conversation_id", "key", "value"), rows)
