"""What a conversation says about its answers, and where its owner keeps it: instructions, defaults, pinned, archived.

What the defaults mean is not known here: they are JSON values as the client wrote them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pony import orm
from pony.orm import Database as Db

from storage.db import sql
from storage.db.json_text import decode, encode
from storage.records import ChatSettings

COLUMNS = ("instructions", "defaults", "is_pinned", "is_archived")


def get(db: Db, user_id: int, conversation_id: str) -> ChatSettings | None:
    """Settings of a conversation, by its public id; None if this user has none of that id."""
    row = orm.select(
        (c.instructions, c.defaults, c.is_pinned, c.is_archived)
        for c in db.Conversation
        if c.user_id == user_id and c.public_id == conversation_id
    ).get()
    return None if row is None else record(*row)


def record(instructions: str | None, defaults: str, is_pinned: bool, is_archived: bool) -> ChatSettings:
    """The settings that stand in these columns."""
    return ChatSettings(instructions, decode(defaults), bool(is_pinned), bool(is_archived))


def change(batch: sql.Batch, row_id: int, given: Mapping[str, Any]) -> None:
    """Replace the settings that are given, by the names of their columns."""
    values = {name: encode(value) if name == "defaults" else value for name, value in given.items()}
    if unknown := values.keys() - set(COLUMNS):
        raise ValueError(f"no settings of a conversation: {unknown}")
    if values:
        assignments = ", ".join(f"{name} = ${name}" for name in values)
        batch.add(f"UPDATE conversations SET {assignments} WHERE id = $row_id", row_id=row_id, **values)


def copy(batch: sql.Batch, row_id: int, source_id: int) -> None:
    """Let a fork be answered as what it was forked from. Where its owner keeps it is its own matter."""
    batch.add(
        "UPDATE conversations SET instructions = (SELECT s.instructions FROM conversations s WHERE s.id = $source_id),"
        " defaults = (SELECT s.defaults FROM conversations s WHERE s.id = $source_id) WHERE id = $row_id",
        row_id=row_id,
        source_id=source_id,
    )
