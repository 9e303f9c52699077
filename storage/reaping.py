"""The end of responses whose worker died: what there is of them is kept, marked as not complete.

A running response has a lease that its worker renews. When it has run out, whoever comes by (a reader, the next turn
of the conversation, any worker now and then) ends the response in the worker's place. This is the one module that
knows some fields of the Response object.
"""

from __future__ import annotations

from typing import Any

from pony import orm
from pony.orm import Database as Db

from storage import item_rows, response_rows
from storage.clock import lease_clock
from storage.errors import RecordNotFound, ResponseEnded
from storage.item_rows import ItemRow
from storage.json_text import encode
from storage.records import Event, StoredResponse
from storage.response_rows import ResponseRow, response_record

MESSAGE = "The server stopped while it generated this response. What it had generated until then is kept."

GROWING = "in_progress"
ENDED_EARLY = "incomplete"


def expired(db: Db, limit: int) -> list[str]:
    """Public ids of running responses whose lease has run out, anybody's."""
    now = lease_clock(db)
    found = orm.select((r.lease_until, r.public_id) for r in db.Response if r.lease_until < now)
    return [public_id for _, public_id in found.order_by("r.lease_until")[:limit]]


def is_expired(db: Db, public_id: str) -> bool:
    now = lease_clock(db)
    return bool(orm.exists(r for r in db.Response if r.public_id == public_id and r.lease_until < now))


def reap(db: Db, public_id: str) -> StoredResponse | None:
    """End it in its worker's place; None if there is nothing to do: it has ended, was renewed, or is gone."""
    try:
        row = response_rows.find(db, None, public_id)
        response_rows.lock_with_conversation(db, row)
    except (RecordNotFound, ResponseEnded):
        return None
    if not is_expired(db, public_id):
        return None
    outputs = [_closed(db, output) for output in response_rows.output_rows(db, row)]
    stored = response_record(response_rows.responses(db).where(lambda r: r.public_id == public_id).get())
    status = _status(stored, outputs)
    body = _ended_body(stored.body, status, outputs)
    _append_last_event(db, row, status, body)
    response_rows.end(db, row, status, body)
    return response_record(response_rows.responses(db).where(lambda r: r.public_id == public_id).get())


def _closed(db: Db, output: ItemRow) -> dict[str, Any]:
    """The item; if it was still growing, that is over."""
    data = output.item.data
    if output.item.status == GROWING:
        data = data | {"status": ENDED_EARLY}
        item_rows.replace(db, output.id, data)
    return data


def _status(stored: StoredResponse, outputs: list[dict[str, Any]]) -> str:
    if stored.is_cancel_requested:
        return "cancelled"
    return "incomplete" if outputs else "failed"


def _ended_body(body: dict[str, Any], status: str, outputs: list[dict[str, Any]]) -> dict[str, Any]:
    ended = body | {"status": status, "output": outputs}
    if status != "cancelled":
        ended["error"] = {"code": "server_error", "message": MESSAGE}
    if status == "incomplete":
        # OpenAI's reasons are limits of the request, none of which was the reason.
        ended["incomplete_details"] = {"reason": None}
    return ended


def _append_last_event(db: Db, row: ResponseRow, status: str, body: dict[str, Any]) -> None:
    """For those who follow its events, if they were stored. A cancelled response has no event of its own."""
    number = orm.select(orm.max(e.sequence_number) for e in db.ResponseEvent if e.response_id == row.id).first()
    if number is None or status == "cancelled":
        return
    event = {"type": f"response.{status}", "sequence_number": number + 1, "response": body}
    response_rows.append_events(db, row.id, [Event(number + 1, encode(event))])
