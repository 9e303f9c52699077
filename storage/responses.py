"""Responses: what was asked, what is being answered, and what was answered.

Life of one:    create -> save_output, heartbeat ... -> finish
                                 its worker dies -> reap_expired, or whoever comes by next

`create` makes durable what the user sent before anything is generated, `save_output` what the model has written so
far, and `finish` is the end, once. What a response writes in a conversation is part of its transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pony import orm
from pony.orm import Database as Db

from storage import items
from storage.db import sql
from storage.db.clock import MICROS, lease_clock, lease_now, now_micros, now_seconds
from storage.db.json_text import encode
from storage.db.session import writes, writes_for_now
from storage.errors import RecordNotFound, ResponseEnded
from storage.leases import locks, reaping
from storage.records import Heartbeat, Held, Order, Page, StoredEvent, StoredItem, StoredResponse
from storage.tables import conversation_rows, item_rows, response_rows
from storage.tables.item_rows import ItemRow, record
from storage.tables.response_rows import Place, response_record

# --- writing: one turn ----------------------------------------------------------------------------------------------


@writes
def create(
    db: Db,
    user_id: int,
    body: dict[str, Any],
    input_items: Sequence[dict[str, Any]],
    *,
    owner: str,
    lease_seconds: float,
    conversation_id: str | None = None,
    previous_response_id: str | None = None,
    is_background: bool = False,
    idempotency_key: str | None = None,
    takes_up: str | None = None,
) -> StoredResponse:
    """Store the Response object with what was sent, and append that to the conversation, whose lock it takes.

    `body` has id, status and created_at. `owner` names the worker that will keep it alive. `takes_up` is an attempt
    that broke off, whose input stays where it is and whose output leaves the conversation. Called again with that id,
    it returns what the first call stored. Raises ConversationLocked, DuplicateItem, and RecordNotFound for the
    conversation, the previous response or a reference to an item.
    """
    public_id = str(body["id"])
    if previous_response_id is not None:
        response_rows.find(db, user_id, previous_response_id)
    held: Held | None = None
    if conversation_id is not None:
        held = locks.take(db, user_id, conversation_id, public_id, lease_seconds, owner)
    stored = StoredResponse(
        public_id=public_id,
        created_at=int(body.get("created_at") or now_seconds()),
        status=body["status"],
        conversation_id=conversation_id,
        previous_response_id=previous_response_id,
        is_background=is_background,
        is_cancel_requested=False,
        body=body,
        user_id=user_id,
    )
    place = response_rows.place_of(db, user_id, takes_up) if takes_up is not None else None
    position = place.position if place else held.next_position if held else None
    more = {"conversation_position": position, "idempotency_key": idempotency_key, "next_position": len(input_items)}
    row_id = _insert(db, stored, more, owner=owner, lease_seconds=lease_seconds)
    if row_id is None:
        return _created_before(db, user_id, public_id)
    batch, rows = _placed(db, user_id, input_items, held, place)
    item_rows.append_to_response(batch, row_id, 0, rows, is_output=False)
    batch.run(db)
    return stored


@writes
def keep(db: Db, user_id: int, body: dict[str, Any], items: Sequence[dict[str, Any]]) -> None:
    """Store what was made without a turn, such as a compaction: whoever goes on from it builds on these items alone.

    `body` has id and created_at, and the items have ids of their own. Called again with that id it does nothing.
    """
    stored = StoredResponse(
        public_id=str(body["id"]),
        created_at=int(body["created_at"]),
        status="completed",
        conversation_id=None,
        previous_response_id=None,
        is_background=False,
        is_cancel_requested=False,
        body=body,
        user_id=user_id,
    )
    row_id = _insert(db, stored, {"next_position": len(items)})
    if row_id is not None:
        batch = sql.Batch()
        rows = [item_rows.insert(db, user_id, item) for item in items]
        item_rows.append_to_response(batch, row_id, 0, rows, is_output=True)
        batch.run(db)


def _placed(
    db: Db, user_id: int, input_items: Sequence[dict[str, Any]], held: Held | None, place: Place | None
) -> tuple[sql.Batch, list[ItemRow]]:
    """Statements that put what was sent in its place in the conversation, if there is one, and its rows."""
    batch = sql.Batch()
    if held is not None and place is not None:
        response_rows.leave_conversation(batch, place)
        conversation_rows.advance(batch, held.id, held.next_position)
        return batch, response_rows.input_rows(db, place.response_id)
    rows = item_rows.store(db, user_id, input_items)
    if held is not None:
        batch = item_rows.append_to_conversation(db, user_id, held.id, held.next_position, rows)
        conversation_rows.advance(batch, held.id, held.next_position + len(rows))
    return batch, rows


def _insert(
    db: Db,
    stored: StoredResponse,
    more: Mapping[str, Any],
    *,
    owner: str | None = None,
    lease_seconds: float | None = None,
) -> int | None:
    """Number of the new row; None if the response is there already. One that has ended has no lease."""
    values: dict[str, Any] = {
        "public_id": stored.public_id,
        "user_id": stored.user_id,
        "status": stored.status,
        "conversation_public_id": stored.conversation_id,
        "previous_response_id": stored.previous_response_id,
        "is_background": stored.is_background,
        "is_cancel_requested": stored.is_cancel_requested,
        "owner": owner,
        "body": encode(stored.body),
        "summary": response_rows.summary(stored.body),
        "created_at": stored.created_at,
        **more,
    }
    columns = {name: f"${name}" for name in values}
    if lease_seconds is not None:
        columns["lease_until"] = f"{lease_now(db)} + $lease"
        values |= {"now": now_micros(), "lease": int(lease_seconds * MICROS)}
    return sql.insert_unless_there(db, "responses", columns, **values)


def _created_before(db: Db, user_id: int, public_id: str) -> StoredResponse:
    stored = _known(db, user_id, public_id)
    if not stored.is_running:
        conversation_rows.release_at_once(db, public_id)
    return stored


@writes
def save_output(
    db: Db, user_id: int, public_id: str, output_items: Sequence[dict[str, Any]], *, events: Sequence[StoredEvent] = ()
) -> None:
    """Store output items as they are now, each known by its id, and events.

    A new item is also appended to the conversation, unless that was deleted. Raises ResponseEnded when the response has
    its end already (this worker was taken for dead), and RecordNotFound when it was deleted.
    """
    row = response_rows.lock(db, user_id, public_id)
    batch = response_rows.store_output(db, row, output_items)
    response_rows.append_events(batch, row.id, events)
    batch.run(db)


@writes
def finish(
    db: Db,
    user_id: int,
    public_id: str,
    status: str,
    body: dict[str, Any],
    output_items: Sequence[dict[str, Any]],
    *,
    events: Sequence[StoredEvent] = (),
) -> None:
    """Store the end: the last output and events and the final Response object. The conversation is let go.

    Called again with equal arguments it does nothing. Raises ResponseEnded if the response has another end already, and
    RecordNotFound.
    """
    try:
        row = response_rows.lock(db, user_id, public_id)
    except ResponseEnded:
        stored = _known(db, user_id, public_id)
        if (stored.status, stored.body) == (status, body):
            return
        raise
    batch = response_rows.store_output(db, row, output_items)
    response_rows.append_events(batch, row.id, events)
    response_rows.end(batch, row, status, body)
    batch.run(db)


# --- who lives ------------------------------------------------------------------------------------------------------


@writes_for_now
def heartbeat(db: Db, owner: str, public_ids: Sequence[str], lease_seconds: float) -> Heartbeat:
    """Renew the leases of responses that this worker generates and of their conversations; what others did to them."""
    if not public_ids:
        return Heartbeat(frozenset(), frozenset())
    ids, until = list(public_ids), lease_clock(db) + int(lease_seconds * MICROS)
    among = sql.one_of("ids", ids)
    sql.execute(db, f"UPDATE conversations SET lock_until = $until WHERE lock_owner {among}", until=until, ids=ids)
    sql.execute(
        db,
        f"UPDATE responses SET lease_until = $until WHERE public_id {among} AND owner = $owner"
        " AND lease_until IS NOT NULL",
        until=until,
        ids=ids,
        owner=owner,
    )
    mine = sql.execute(
        db,
        f"SELECT public_id, is_cancel_requested FROM responses WHERE public_id {among} AND owner = $owner"
        " AND lease_until IS NOT NULL",
        ids=ids,
        owner=owner,
    ).fetchall()
    held = {public_id for public_id, _ in mine}
    return Heartbeat(
        lost=frozenset(ids) - held,
        cancel_requested=frozenset(public_id for public_id, is_requested in mine if is_requested),
    )


@writes
def reap_expired(db: Db, limit: int = 100) -> list[StoredResponse]:
    """End the responses of all users whose workers died: `incomplete` with what there is, `failed` if that is nothing.

    Growing items become incomplete, and conversations are let go.
    """
    ended = [reaping.reap(db, public_id) for public_id in reaping.expired(db, limit)]
    return [response for response in ended if response is not None]


@writes
def request_cancel(db: Db, user_id: int, public_id: str) -> StoredResponse:
    """Ask the worker of a response to stop, which it learns with its next heartbeat. One that has ended stays as it is.

    Raises RecordNotFound.
    """
    sql.execute(
        db,
        "UPDATE responses SET is_cancel_requested = $yes"
        " WHERE user_id = $user_id AND public_id = $public_id AND lease_until IS NOT NULL",
        yes=True,
        user_id=user_id,
        public_id=public_id,
    )
    return _known(db, user_id, public_id)


# --- reading --------------------------------------------------------------------------------------------------------


def get(db: Db, user_id: int, public_id: str) -> StoredResponse:
    """A response as it is. One whose worker died gets its end first. Raises RecordNotFound."""
    stored = _known(db, user_id, public_id)
    if stored.is_running and reaping.is_expired(db, public_id):
        return reaping.reap(db, public_id) or _known(db, user_id, public_id)
    return stored


def events(db: Db, user_id: int, public_id: str, after: int = -1, limit: int = 1000) -> list[StoredEvent]:
    """Events of a response with a higher number than `after`, in order. Raises RecordNotFound."""
    row = response_rows.find(db, user_id, public_id)
    found = orm.select(
        (e.sequence_number, e.data) for e in db.ResponseEvent if e.response_id == row.id and e.sequence_number > after
    )
    return [StoredEvent(*one) for one in found.order_by("e.sequence_number")[:limit]]


def chain(db: Db, user_id: int, previous_response_id: str) -> list[dict[str, Any]]:
    """All items that a response after this one builds on, in order: what was sent and what was answered.

    A chain that began in a conversation begins with what the conversation held then. Raises RecordNotFound for the
    first response that does not exist (any more).
    """
    links = _links(db, user_id, previous_response_id)
    *_, (_, _, conversation_id, position) = links
    context: list[StoredItem] = []
    if conversation_id is not None and position is not None:
        context = items.before(db, user_id, conversation_id, position)
    row_ids = [link[0] for link in links]
    found: list[Any] = []
    for some in sql.in_batches(row_ids):
        found += _rows_of(db, some)
    age = {row_id: number for number, row_id in enumerate(reversed(row_ids))}
    rows = sorted(found, key=lambda row: (age[row[0]], row[1]))
    return [item.data for item in context] + [record(row[2:]).data for row in rows]


def _rows_of(db: Db, row_ids: Sequence[int]) -> Any:
    return orm.select(
        (link.response_id, link.position, i.public_id, i.type, i.status, i.data, i.created_at)
        for link in db.ResponseItem
        for i in db.Item
        if link.response_id in row_ids and i.id == link.item_id
    )


def _links(db: Db, user_id: int, public_id: str) -> list[tuple[int, str | None, str | None, int | None]]:
    """Number, predecessor, conversation and place in it, of the response and its predecessors, the newest first.

    A response that belongs to a conversation is the last: what came before it is in the conversation.
    """
    rows = db.select(
        "SELECT * FROM (WITH RECURSIVE chain (id, depth, public_id, previous, conversation, position) AS ("
        " SELECT id, 0, public_id, previous_response_id, conversation_public_id, conversation_position"
        " FROM responses WHERE user_id = $user_id AND public_id = $public_id"
        " UNION ALL SELECT r.id, depth + 1, r.public_id, r.previous_response_id, r.conversation_public_id,"
        " r.conversation_position FROM responses r JOIN chain ON r.public_id = chain.previous"
        " WHERE r.user_id = $user_id AND chain.conversation IS NULL)"
        " SELECT id, previous, conversation, position, depth FROM chain) AS links ORDER BY depth",
        {"user_id": user_id, "public_id": public_id},
    )
    if not rows:
        raise RecordNotFound("response", public_id)
    links = [tuple(row)[:-1] for row in rows]
    *_, (_, missing, conversation, _) = links
    if missing is not None and conversation is None:
        raise RecordNotFound("response", missing)
    return links


def input_items_page(
    db: Db, user_id: int, public_id: str, after: str | None = None, limit: int = 20, order: Order = "desc"
) -> Page[StoredItem]:
    """A page of a response's input; `desc` begins with the last item.

    Raises RecordNotFound for the response or `after`.
    """
    row = response_rows.find(db, user_id, public_id)
    found = response_rows.items_of(db, row.id, is_output=False)
    if after is not None:
        positions = response_rows.input_positions(db, user_id, row.id, after)
        if not positions:
            raise RecordNotFound("item", after)
        # One that was sent twice counts where the page went on furthest: paging comes to an end.
        position = min(positions) if order == "desc" else max(positions)
        found = item_rows.beyond(found, position, order)
    return item_rows.page(found, limit, order)


def output_items(db: Db, user_id: int, public_id: str) -> list[StoredItem]:
    """Items that a response has generated so far. Raises RecordNotFound."""
    row = response_rows.find(db, user_id, public_id)
    return [record(one) for one in item_rows.in_order(response_rows.items_of(db, row.id, is_output=True))]


@writes
def delete(db: Db, user_id: int, public_id: str) -> None:
    """Delete a response with its events, and with the items that no conversation and no other response has.

    The worker of a running one finds out when it next wants to store something. Raises RecordNotFound.
    """
    row = response_rows.find(db, user_id, public_id)
    if row.conversation_id is not None:
        conversation_rows.release_at_once(db, public_id)
    numbers = list(orm.select(link.item_id for link in db.ResponseItem if link.response_id == row.id))
    batch = sql.Batch()
    batch.add("DELETE FROM responses WHERE id = $id", id=row.id)
    item_rows.delete_unreachable(batch, numbers)
    batch.run(db)


def _stored(db: Db, user_id: int, public_id: str) -> StoredResponse | None:
    row = response_rows.responses(db).where(lambda r: r.public_id == public_id and r.user_id == user_id).get()
    return None if row is None else response_record(row)


def _known(db: Db, user_id: int, public_id: str) -> StoredResponse:
    stored = _stored(db, user_id, public_id)
    if stored is None:
        raise RecordNotFound("response", public_id)
    return stored
