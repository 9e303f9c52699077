"""Conversations as they are read: the columns of a row, and the record that is made of them.

It does not know which conversations are wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pony import orm
from pony.orm import Database as Db
from pony.orm import raw_sql

from storage import chat_settings
from storage.db.clock import MICROS
from storage.db.json_text import decode
from storage.leases import reaping
from storage.records import Conversation, Fork
from storage.tables import families


def select(db: Db, user_id: int) -> Any:
    """The query of all conversations of a user, to which more may be added; `read` takes its rows."""
    root, source = families.ROOT, families.SOURCE
    return orm.select(
        (
            c.id,
            c.public_id,
            c.created_at,
            c.active_at,
            c.title,
            c.metadata,
            raw_sql(root),
            raw_sql(source),
            c.forked_item_id,
            c.forked_position,
            c.instructions,
            c.defaults,
            c.is_pinned,
            c.is_archived,
            c.lock_owner,
        )
        for c in db.Conversation
        if c.user_id == user_id
    )


def read(db: Db, rows: Sequence[tuple[Any, ...]]) -> list[Conversation]:
    """The records in these rows. Of conversations that are locked, the owners of the locks are looked up."""
    living = reaping.living(db, [row[-1] for row in rows if row[-1] is not None])
    return [_record(row[:-1], row[-1] if row[-1] in living else None) for row in rows]


def _record(row: tuple[Any, ...], active_response_id: str | None) -> Conversation:
    row_id, public_id, created_at, active_at, title, metadata, root, source, item_id, position, *settings = row
    return Conversation(
        row_id,
        public_id,
        created_at,
        active_at // MICROS,
        title,
        decode(metadata),
        root or public_id,
        None if source is None else Fork(source, item_id, position),
        chat_settings.record(*settings),
        active_response_id=active_response_id,
    )
