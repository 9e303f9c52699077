"""One turn at a time: the lock of a conversation, a lease that dies with its owner.

The owner is the id of the response that the turn makes, so that the response's worker keeps both alive at once, and
both end together. Leases go by the database's clock. A worker of this machine that died is not waited for.
"""

from __future__ import annotations

from pony.orm import Database as Db

from storage.db import sql
from storage.db.clock import MICROS, lease_clock, lease_now, now_micros
from storage.db.session import writes_for_now
from storage.errors import ConversationLocked, RecordNotFound
from storage.leases import reaping, workers
from storage.records import Held
from storage.tables import conversation_rows


@writes_for_now
def unlock(db: Db, user_id: int, public_id: str, owner: str) -> None:
    """Let the conversation go if this owner holds it; otherwise nothing happens."""
    locked = conversation_rows.lock_row(db, user_id, public_id)
    if locked is not None and locked.owner == owner:
        conversation_rows.release_at_once(db, owner)


def take(db: Db, user_id: int, public_id: str, owner: str, seconds: float, worker: str) -> Held:
    """Lock the conversation within a running session, or keep it for longer.

    An owner who was late gets it back unless somebody else has it meanwhile. `worker` is the owner's, see
    `storage.leases.workers`. If another owner had it and died, the response of that owner is ended first
    (`storage.leases.reaping`). Raises ConversationLocked at once if another has it, and RecordNotFound.
    """
    held = _take_free(db, user_id, public_id, owner, seconds, worker)
    if held is None:
        _free(db, user_id, public_id)
        held = _take_free(db, user_id, public_id, owner, seconds, worker)
    assert held is not None
    return held


def _take_free(db: Db, user_id: int, public_id: str, owner: str, seconds: float, worker: str) -> Held | None:
    """The conversation; None if it does not exist, or if another owner is noted there, dead or alive."""
    values = {
        "user_id": user_id,
        "public_id": public_id,
        "owner": owner,
        "worker": worker,
        "now": now_micros(),
        "lease": int(seconds * MICROS),
    }
    row = sql.update_one(
        db,
        f"UPDATE conversations SET lock_owner = $owner, lock_worker = $worker, lock_until = {lease_now(db)} + $lease"
        " WHERE user_id = $user_id AND public_id = $public_id AND (lock_owner IS NULL OR lock_owner = $owner)",
        "SELECT id, next_position FROM conversations WHERE public_id = $public_id",
        **values,
    )
    return None if row is None else Held(*row)


def _free(db: Db, user_id: int, public_id: str) -> None:
    """End the response that a dead owner was making, and let the conversation go."""
    locked = conversation_rows.lock_row(db, user_id, public_id)
    if locked is None:
        raise RecordNotFound("conversation", public_id)
    if locked.owner is None:
        return
    seconds_left = ((locked.until or 0) - lease_clock(db)) / MICROS
    if seconds_left > 0 and not workers.is_dead(locked.worker):
        raise ConversationLocked(public_id, locked.owner, seconds_left)
    if reaping.reap(db, locked.owner) is None and reaping.is_running(db, locked.owner):
        raise ConversationLocked(public_id, locked.owner, 0)  # it lives, only its lease could not be renewed
    conversation_rows.release_at_once(db, locked.owner)
