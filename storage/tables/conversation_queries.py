"""Queries of conversations, narrowed and in order: those that are kept somewhere, have metadata, come later.

They have the name `c` of the conversation. What is selected of it is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pony import orm
from pony.orm import Database as Db
from pony.orm import raw_sql

from storage.errors import RecordNotFound
from storage.records import Order

Activity = Literal["active_at", "family_active_at"]
"""Whose newest activity lists are ordered by: that of each conversation, or of its whole family."""


def row_id_of(db: Db, user_id: int, public_id: str) -> int:
    """Number of a conversation's row. Raises RecordNotFound."""
    row_id = orm.select(c.id for c in db.Conversation if c.user_id == user_id and c.public_id == public_id).get()
    if row_id is None:
        raise RecordNotFound("conversation", public_id)
    return int(row_id)


def narrowed(
    db: Db, found: Any, metadata: Mapping[str, str] | None, is_pinned: bool | None, is_archived: bool | None
) -> Any:
    """The query of what has all these pairs of metadata, and is kept there; None asks for nothing."""
    # The words are those of the partial indexes.
    if is_pinned is not None:
        condition = "c.is_pinned" if is_pinned else "NOT c.is_pinned"
        found = found.where(lambda c: raw_sql(condition))
    if is_archived is not None:
        words = "c.is_archived" if is_archived else "NOT c.is_archived"
        found = found.where(lambda c: raw_sql(words))
    for key, value in (metadata or {}).items():
        found = _having(found, key, value)
    return found


def _having(found: Any, key: str, value: str) -> Any:
    # Pony's decompiler takes a generator in a lambda apart wrongly.
    return found.where(
        lambda c: raw_sql(
            "EXISTS (SELECT 1 FROM conversation_metadata m"
            " WHERE m.conversation_id = c.id AND m.key = $key AND m.value = $value)"
        )
    )


def listed(db: Db, user_id: int, found: Any, activity: Activity, after: str | None, order: Order) -> Any:
    """The query by activity, without what comes up to `after` in that order. Raises RecordNotFound if that is gone.

    By the activity of families, what was a root and is none any more has no place.
    """
    if after is not None:
        is_beyond = _is_beyond(activity, place_of(db, user_id, after, activity), order)
        found = found.where(lambda c: is_beyond)
    names = (f"c.{activity}", "c.id")
    return found.order_by(", ".join(f"orm.desc({name})" if order == "desc" else name for name in names))


def _is_beyond(activity: Activity, place: tuple[int, int], order: Order) -> Any:
    """The condition of a query. The pair is compared as one: only then is the index entered at the right place."""
    sign = "<" if order == "desc" else ">"
    return raw_sql(f"(c.{activity}, c.id) {sign} ($place[0], $place[1])")


def place_of(db: Db, user_id: int, public_id: str, activity: Activity) -> tuple[int, int]:
    """The activity and the number of a conversation's row. Raises RecordNotFound; see `listed`."""
    found = orm.select(
        (getattr(c, activity), c.id) for c in db.Conversation if c.user_id == user_id and c.public_id == public_id
    )
    if activity == "family_active_at":
        found = found.where(lambda c: c.root_id == c.id)
    place: tuple[int, int] | None = found.get()
    if place is None:
        raise RecordNotFound("conversation", public_id)
    return place
