"""Queries of conversations, narrowed: to those that are kept somewhere, that have a pair of metadata, that come later.

They have the name `c` of the conversation. What is selected of it is not known here.
"""

from __future__ import annotations

from typing import Any

from pony import orm
from pony.orm import Database as Db
from pony.orm import raw_sql

from storage.errors import RecordNotFound
from storage.records import Order


def row_id_of(db: Db, user_id: int, public_id: str) -> int:
    """Number of a conversation's row. Raises RecordNotFound."""
    row_id = orm.select(c.id for c in db.Conversation if c.user_id == user_id and c.public_id == public_id).get()
    if row_id is None:
        raise RecordNotFound("conversation", public_id)
    return int(row_id)


def kept(found: Any, is_pinned: bool | None, is_archived: bool | None) -> Any:
    """The query of what its owner keeps there. The words are those of the partial indexes."""
    if is_pinned is not None:
        condition = "c.is_pinned" if is_pinned else "NOT c.is_pinned"
        found = found.where(lambda c: raw_sql(condition))
    if is_archived is not None:
        words = "c.is_archived" if is_archived else "NOT c.is_archived"
        found = found.where(lambda c: raw_sql(words))
    return found


def having(db: Db, found: Any, key: str, value: str) -> Any:
    """The query of what has this pair of metadata."""
    # Pony's decompiler takes a generator in a lambda apart wrongly.
    return found.where(
        lambda c: raw_sql(
            "EXISTS (SELECT 1 FROM conversation_metadata m"
            " WHERE m.conversation_id = c.id AND m.key = $key AND m.value = $value)"
        )
    )


def beyond(db: Db, user_id: int, found: Any, after: str, order: Order) -> Any:
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


def beyond_root(db: Db, user_id: int, found: Any, after: str, order: Order) -> Any:
    """As `beyond`, in the order of families. What was a root and is none any more has no place."""
    place = orm.select(
        (c.family_active_at, c.id)
        for c in db.Conversation
        if c.user_id == user_id and c.public_id == after and c.root_id == c.id
    ).get()
    if place is None:
        raise RecordNotFound("conversation", after)
    if order == "desc":
        return found.where(lambda c: raw_sql("(c.family_active_at, c.id) < ($place[0], $place[1])"))
    return found.where(lambda c: raw_sql("(c.family_active_at, c.id) > ($place[0], $place[1])"))
