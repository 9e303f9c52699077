"""One turn at a time: the lock of a conversation, a lease that dies with its owner.

The owner is the id of the response that the turn makes, so that the response's worker keeps both alive at once, and
both end together. Leases go by the database's clock.
"""

from __future__ import annotations

from pony.orm import Database as Db

from storage import conversations, reaping, sql
from storage.clock import MICROS, lease_clock
from storage.errors import ConversationLocked, RecordNotFound
from storage.records import Lease
from storage.session import writes


@writes
def lock(db: Db, user_id: int, public_id: str, owner: str, seconds: float) -> Lease:
    """Take it, or have it for longer. Raises ConversationLocked at once if another has it, and RecordNotFound.

    If another had it and died, the response of that owner is ended first (`storage.reaping`).
    """
    return take(db, user_id, public_id, owner, seconds)[1]


@writes
def renew(db: Db, user_id: int, public_id: str, owner: str, seconds: float) -> Lease:
    """As `lock`: an owner who was late gets it back unless somebody else has it meanwhile."""
    return take(db, user_id, public_id, owner, seconds)[1]


@writes
def unlock(db: Db, user_id: int, public_id: str, owner: str) -> None:
    """Let it go, if this owner has it; otherwise nothing."""
    sql.execute(
        db,
        "UPDATE conversations SET lock_owner = NULL, lock_until = NULL"
        " WHERE user_id = $user_id AND public_id = $public_id AND lock_owner = $owner",
        user_id=user_id,
        public_id=public_id,
        owner=owner,
    )


def take(db: Db, user_id: int, public_id: str, owner: str, seconds: float) -> tuple[int, Lease]:
    """In a running session: the conversation's number and the lease."""
    locked = conversations.lock_row(db, user_id, public_id)
    if locked is None:
        raise RecordNotFound("conversation", public_id)
    row_id, other, until = locked
    now = lease_clock(db)
    if other is not None and other != owner and until is not None:
        if until > now:
            raise ConversationLocked(public_id, (until - now) / MICROS)
        reaping.reap(db, other)
    ends = now + int(seconds * MICROS)
    sql.execute(
        db,
        "UPDATE conversations SET lock_owner = $owner, lock_until = $ends WHERE id = $row_id",
        owner=owner,
        ends=ends,
        row_id=row_id,
    )
    return row_id, Lease(public_id, owner, ends / MICROS)
