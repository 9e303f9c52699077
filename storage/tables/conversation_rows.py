"""Conversations as rows, for the functions that lock them and append to them."""

from __future__ import annotations

from dataclasses import dataclass

from pony.orm import Database as Db

from storage.db import sql
from storage.db.clock import now_micros


@dataclass(frozen=True, slots=True)
class LockedConversation:
    """A conversation that nobody else can change until we commit, with the lease of the turn that goes on in it."""

    id: int
    next_position: int
    owner: str | None
    until: int | None
    worker: str | None


def lock_row(db: Db, user_id: int, public_id: str) -> LockedConversation | None:
    """The conversation, locked until we commit; None if this user has none of that id."""
    row = sql.fetch_one(
        db,
        "SELECT id, next_position, lock_owner, lock_until, lock_worker FROM conversations"
        f" WHERE user_id = $user_id AND public_id = $public_id{sql.for_update(db)}",
        user_id=user_id,
        public_id=public_id,
    )
    return None if row is None else LockedConversation(*row)


_RELEASE = "UPDATE conversations SET lock_owner = NULL, lock_until = NULL, lock_worker = NULL WHERE lock_owner = $owner"


def release(batch: sql.Batch, owner: str) -> None:
    """Let the conversation go that this owner holds, if there is one."""
    batch.add(_RELEASE, owner=owner)


def release_at_once(db: Db, owner: str) -> None:
    """`release` as a statement of its own."""
    sql.execute(db, _RELEASE, owner=owner)


def advance(batch: sql.Batch, conversation_id: int, next_position: int) -> None:
    """Move the end of a locked conversation, to which something was appended. That is activity."""
    batch.add(
        "UPDATE conversations SET next_position = $next_position, active_at = $now, family_active_at = $now"
        " WHERE id = $id",
        next_position=next_position,
        now=now_micros(),
        id=conversation_id,
    )
    tell_root(batch, conversation_id)


def tell_root(batch: sql.Batch, conversation_id: int) -> None:
    """Note the newest activity of a fork at the root of its family. A root itself is left alone."""
    batch.add(
        "UPDATE conversations SET family_active_at = (SELECT f.active_at FROM conversations f WHERE f.id = $id)"
        " WHERE id = (SELECT f.root_id FROM conversations f WHERE f.id = $id AND f.root_id <> f.id)",
        id=conversation_id,
    )
