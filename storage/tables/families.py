"""Families: a conversation and all forks, and forks of forks, of it.

    root  <-  root_id (of every member, the root itself included)
          <-  forked_from_id (of direct forks)      a fork outlives what it was forked from

The root's row knows the newest activity of the whole family. It does not know what conversations say.
"""

from __future__ import annotations

from collections.abc import Sequence

from pony.orm import Database as Db

from storage.db import sql
from storage.db.clock import MICROS
from storage.records import Family
from storage.tables import conversation_rows

ROOT = "(SELECT o.public_id FROM conversations o WHERE o.id = c.root_id)"
SOURCE = "(SELECT o.public_id FROM conversations o WHERE o.id = c.forked_from_id)"
"""Public ids of the root, and of the source of a fork, of the conversation `c`, in SQL."""


def found(batch: sql.Batch, row_id: int) -> None:
    """Make a new conversation the root of a family of its own."""
    batch.add("UPDATE conversations SET root_id = id WHERE id = $row_id", row_id=row_id)


def join(batch: sql.Batch, row_id: int, source_id: int, last_item_id: str | None, position: int) -> None:
    """Make a new conversation a fork of another, with which it shares the items up to that one, before `position`."""
    batch.add(
        "UPDATE conversations SET forked_from_id = $source_id, forked_item_id = $last_item_id,"
        " forked_position = $position,"
        " root_id = (SELECT s.root_id FROM conversations s WHERE s.id = $source_id) WHERE id = $row_id",
        row_id=row_id,
        source_id=source_id,
        last_item_id=last_item_id,
        position=position,
    )
    conversation_rows.tell_root(batch, row_id)


def members(db: Db, row_id: int) -> list[int]:
    """Numbers of the rows of a conversation's whole family, locked until we commit."""
    rows = sql.fetch_all(
        db,
        "SELECT id FROM conversations WHERE root_id = (SELECT c.root_id FROM conversations c WHERE c.id = $row_id)"
        f" ORDER BY id{sql.for_update(db)}",
        row_id=row_id,
    )
    return [number for (number,) in rows]


def root_without(db: Db, row_id: int) -> int | None:
    """The root of the family when this conversation is gone: the oldest, if it was the root; None if nobody is left."""
    row = sql.fetch_one(
        db,
        "SELECT CASE WHEN c.root_id <> c.id THEN c.root_id ELSE"
        " (SELECT min(m.id) FROM conversations m WHERE m.root_id = c.id AND m.id <> c.id) END"
        " FROM conversations c WHERE c.id = $row_id",
        row_id=row_id,
    )
    return None if row is None else row[0]


def hand_over(batch: sql.Batch, row_id: int, root_id: int) -> None:
    """Have the family of a conversation that is about to be deleted go on under this root."""
    values = {"row_id": row_id, "root_id": root_id}
    batch.add("UPDATE conversations SET root_id = $root_id WHERE root_id = $row_id AND id <> $row_id", **values)
    batch.add(
        "UPDATE conversations SET family_active_at = (SELECT max(m.active_at) FROM conversations m"
        " WHERE m.root_id = $root_id AND m.id <> $row_id) WHERE id = $root_id",
        **values,
    )


def of_roots(db: Db, row_ids: Sequence[int]) -> dict[int, Family]:
    """What there is to say of families, by the numbers of their roots' rows."""
    if not row_ids:
        return {}
    rows = db.select(
        "SELECT c.id, c.family_active_at, (SELECT count(*) FROM conversations m WHERE m.root_id = c.id),"
        " (SELECT m.public_id FROM conversations m WHERE m.root_id = c.id"
        " ORDER BY m.active_at DESC, m.id DESC LIMIT 1),"
        " (SELECT count(*) FROM conversations m WHERE m.root_id = c.id AND m.lock_owner IS NOT NULL)"
        f" FROM conversations c WHERE c.id {sql.one_of('row_ids', row_ids)}",
        {"row_ids": row_ids},
    )
    # Mostly nobody is answering, and without statistics PostgreSQL would look for that in the whole table.
    locked = [row[0] for row in rows if row[-1]]
    active = _active_responses(db, locked) if locked else {}
    return {
        row_id: Family(count, newest, active_at // MICROS, tuple(active.get(row_id, ())))
        for row_id, active_at, count, newest, _ in rows
    }


def _active_responses(db: Db, row_ids: Sequence[int]) -> dict[int, list[str]]:
    """Public ids of the responses that are being made, by the root of their conversation's family."""
    rows = db.select(
        "SELECT m.root_id, r.public_id FROM conversations m JOIN responses r ON r.public_id = m.lock_owner"
        f" WHERE m.root_id {sql.one_of('row_ids', row_ids)} AND m.lock_owner IS NOT NULL"
        " AND r.lease_until IS NOT NULL ORDER BY r.id",
        {"row_ids": row_ids},
    )
    active: dict[int, list[str]] = {}
    for row_id, public_id in rows:
        active.setdefault(row_id, []).append(public_id)
    return active
