"""The end of responses whose worker died: what there is of them is kept, marked as not complete.

A running response has a lease that its worker renews. Whether a worker of this machine lives can be seen; of others the
lease tells. Whoever comes by a response of a dead one (a reader, the next turn of the conversation, any worker now and
then) ends it in the worker's place. Some fields of the Response object are
known here, and in `storage.summaries`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from pony import orm
from pony.orm import Database as Db

from storage.db import sql
from storage.db.clock import lease_clock, lease_now, now_micros, now_seconds
from storage.db.json_text import encode
from storage.errors import RecordNotFound, ResponseEnded
from storage.leases import workers
from storage.records import StoredEvent, StoredResponse
from storage.tables import item_rows, response_rows
from storage.tables.item_rows import ItemRow
from storage.tables.response_rows import response_record

MESSAGE = "The server stopped while it generated this response. What it had generated until then is kept."

NUMBERS_LEFT_FREE = 1 << 20
"""Sequence numbers between the last stored event and the last one of all.

A worker tells events before it stores them, so followers may have seen more than is stored. The last event has a number
that none of them can have seen: whoever asks for what comes after the newest event they know, gets it."""

GROWING = "in_progress"
ENDED_EARLY = "incomplete"


def expired(db: Db, limit: int) -> list[str]:
    """Public ids of running responses whose worker died, of all users."""
    rows = sql.fetch_all(
        db,
        f"SELECT public_id, owner, lease_until < {lease_now(db)} FROM responses WHERE lease_until IS NOT NULL"
        " ORDER BY lease_until",
        now=now_micros(),
    )
    return [public_id for public_id, owner, is_late in rows if _has_died(owner, bool(is_late))][:limit]


def is_expired(db: Db, public_id: str) -> bool:
    """Whether the worker of a running response died."""
    row = sql.fetch_one(
        db,
        f"SELECT owner, lease_until < {lease_now(db)} FROM responses"
        " WHERE public_id = $public_id AND lease_until IS NOT NULL",
        public_id=public_id,
        now=now_micros(),
    )
    return row is not None and _has_died(row[0], bool(row[1]))


def living(db: Db, public_ids: Sequence[str]) -> frozenset[str]:
    """Those of these responses that are being made by a worker that lives, as far as is known here."""
    found: list[tuple[str, str, int]] = []
    for some in sql.in_batches(public_ids):
        found += orm.select(
            (r.public_id, r.owner, r.lease_until)
            for r in db.Response
            if r.public_id in some and r.lease_until is not None
        )
    now = lease_clock(db) if found else 0
    return frozenset(public_id for public_id, owner, until in found if not _has_died(owner, until < now))


def is_running(db: Db, public_id: str) -> bool:
    """Whether somebody still makes this response, as far as is known here."""
    return bool(orm.exists(r for r in db.Response if r.public_id == public_id and r.lease_until is not None))


def _has_died(owner: str, is_late: bool) -> bool:
    """Whether a worker is dead. One that is seen to live may be late, as the database may have been away."""
    return workers.is_dead(owner) or (is_late and not workers.is_alive(owner))


def reap(db: Db, public_id: str) -> StoredResponse | None:
    """End a response in its dead worker's place. None if it has ended, is gone, or its lease was renewed."""
    try:
        row = response_rows.lock(db, None, public_id)
    except (RecordNotFound, ResponseEnded):
        return None
    if not is_expired(db, public_id):
        return None
    batch = sql.Batch()
    outputs = [_closed(db, batch, row.user_id, output) for output in response_rows.output_rows(db, row.id)]
    stored = response_record(response_rows.responses(db).where(lambda r: r.public_id == public_id).get())
    status = _status(stored, outputs)
    body = _ended_body(stored.body, status, outputs)
    _append_last_event(db, batch, row.id, status, body)
    response_rows.end(batch, row, status, body)
    batch.run(db)
    return dataclasses.replace(stored, status=status, body=body)


def _closed(db: Db, batch: sql.Batch, user_id: int, output: ItemRow) -> dict[str, Any]:
    """The item, no longer growing."""
    data = output.item.data
    if output.item.status == GROWING:
        data = data | {"status": ENDED_EARLY}
        item_rows.replace(db, batch, user_id, output.id, data)
    return data


def _status(stored: StoredResponse, outputs: list[dict[str, Any]]) -> str:
    if stored.is_cancel_requested:
        return "cancelled"
    return "incomplete" if outputs else "failed"


def _ended_body(body: dict[str, Any], status: str, outputs: list[dict[str, Any]]) -> dict[str, Any]:
    ended = body | {"status": status, "output": outputs, "completed_at": now_seconds()}
    if status != "cancelled":
        ended["error"] = {"code": "server_error", "message": MESSAGE}
    if status == "incomplete":
        # OpenAI's reasons are limits of the request, none of which was the reason.
        ended["incomplete_details"] = {"reason": None}
    return ended


def _append_last_event(db: Db, batch: sql.Batch, row_id: int, status: str, body: dict[str, Any]) -> None:
    """Tell the end to followers, if events are stored; a cancelled response has the event of an incomplete one."""
    number = orm.select(orm.max(e.sequence_number) for e in db.ResponseEvent if e.response_id == row_id).first()
    if number is None:
        return
    last = number + NUMBERS_LEFT_FREE
    kind = "incomplete" if status == "cancelled" else status
    event = {"type": f"response.{kind}", "sequence_number": last, "response": body}
    response_rows.append_events(batch, row_id, [StoredEvent(last, encode(event))])
