"""Responses as rows, for the functions that store, end and read them.

Who changes both locks the conversation's row before the response's, so that two never wait for each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pony import orm
from pony.orm import Database as Db

from storage import conversations, item_rows, sql
from storage.errors import RecordNotFound, ResponseEnded
from storage.item_rows import ItemRow, record
from storage.json_text import decode, encode
from storage.records import RUNNING_STATUSES, Event, Item, StoredResponse


@dataclass(frozen=True, slots=True)
class ResponseRow:
    """What a writer needs to know about a response. All but the status never changes."""

    id: int
    user_id: int
    public_id: str
    status: str
    conversation_id: str | None

    @property
    def is_running(self) -> bool:
        return self.status in RUNNING_STATUSES


def find(db: Db, user_id: int | None, public_id: str) -> ResponseRow:
    """Without a user, anybody's: for the caretakers. Raises RecordNotFound."""
    found = orm.select(
        (r.id, r.user_id, r.public_id, r.status, r.conversation_public_id)
        for r in db.Response
        if r.public_id == public_id
    )
    row = found.get()
    if row is None or (user_id is not None and row[1] != user_id):
        raise RecordNotFound("response", public_id)
    return ResponseRow(*row)


def lock_running(db: Db, row: ResponseRow) -> None:
    """Nobody else can end or delete it until we commit. Raises ResponseEnded, RecordNotFound."""
    found = sql.fetch_one(db, f"SELECT status FROM responses WHERE id = $id{sql.for_update(db)}", id=row.id)
    if found is None:
        raise RecordNotFound("response", row.public_id)
    if found[0] not in RUNNING_STATUSES:
        raise ResponseEnded(row.public_id, found[0])


def lock_with_conversation(db: Db, row: ResponseRow) -> int | None:
    """The conversation's number; None if it has none, or if that was deleted."""
    locked = None if row.conversation_id is None else conversations.lock_row(db, row.user_id, row.conversation_id)
    lock_running(db, row)
    return None if locked is None else locked[0]


# --- output ---------------------------------------------------------------------------------------------------------


def output_rows(db: Db, row: ResponseRow) -> list[ItemRow]:
    found = orm.select(
        (i.id, i.public_id, i.type, i.status, i.data, i.created_at)
        for link in db.ResponseItem
        for i in db.Item
        if link.response_id == row.id and link.is_output and i.id == link.item_id
    ).order_by("link.position")
    return [ItemRow(one[0], record(one[1:]), is_new=False) for one in found]


def save_output(db: Db, row: ResponseRow, items: Sequence[dict[str, Any]]) -> None:
    """Store new items, also at the end of the conversation, and what is new in known ones. Locks the response."""
    known = {stored.item.public_id: stored for stored in output_rows(db, row)} if items else {}
    if all(item["id"] in known for item in items):
        lock_running(db, row)
        _store_output(db, row, None, items, known)
    else:
        _store_output(db, row, lock_with_conversation(db, row), items, known)


def save_last_output(db: Db, row: ResponseRow, items: Sequence[dict[str, Any]]) -> None:
    """The same, with the conversation locked in any case, since it will be let go."""
    conversation = lock_with_conversation(db, row)
    known = {stored.item.public_id: stored for stored in output_rows(db, row)} if items else {}
    _store_output(db, row, conversation, items, known)


def _store_output(
    db: Db, row: ResponseRow, conversation: int | None, items: Sequence[dict[str, Any]], known: dict[str, ItemRow]
) -> None:
    for item in items:
        stored = known.get(item["id"])
        if stored is not None and stored.item.data != item:
            item_rows.replace(db, stored.id, item)
    new = [item_rows.insert(db, row.user_id, item) for item in items if item["id"] not in known]
    if not new:
        return
    item_rows.append_to_response(db, row.id, reserve(db, row.id, len(new)), new, is_output=True)
    # It may have been deleted meanwhile: the response keeps its output all the same.
    if conversation is not None:
        position = conversations.reserve(db, conversation, len(new))
        item_rows.append_to_conversation(db, conversation, position, new)


def reserve(db: Db, row_id: int, num_items: int) -> int:
    """The position in the response of the first of `num_items` that will be appended to it."""
    sql.execute(
        db,
        "UPDATE responses SET next_position = next_position + $num_items WHERE id = $id",
        num_items=num_items,
        id=row_id,
    )
    row = sql.fetch_one(db, "SELECT next_position FROM responses WHERE id = $id", id=row_id)
    assert row is not None
    return int(row[0]) - num_items


# --- the end --------------------------------------------------------------------------------------------------------


def end(db: Db, row: ResponseRow, status: str, body: dict[str, Any]) -> None:
    """Of a locked response: nothing more will be stored of it, and its conversation is free."""
    sql.execute(
        db,
        "UPDATE responses SET status = $status, body = $body, lease_until = NULL WHERE id = $id",
        status=status,
        body=encode(body),
        id=row.id,
    )
    if row.conversation_id is not None:
        release_lock(db, row.public_id)


def release_lock(db: Db, public_id: str) -> None:
    """Of the conversation that this response holds, if it does."""
    sql.execute(
        db,
        "UPDATE conversations SET lock_owner = NULL, lock_until = NULL WHERE lock_owner = $public_id",
        public_id=public_id,
    )


# --- events ---------------------------------------------------------------------------------------------------------


def append_events(db: Db, row_id: int, events: Sequence[Event]) -> None:
    rows = [(row_id, event.sequence_number, event.data) for event in events]
    sql.insert_rows(db, "response_events", ("response_id", "sequence_number", "data"), rows)


# --- reading --------------------------------------------------------------------------------------------------------


def responses(db: Db) -> Any:
    return orm.select(
        (
            r.public_id,
            r.created_at,
            r.status,
            r.conversation_public_id,
            r.previous_response_id,
            r.is_background,
            r.is_cancel_requested,
            r.body,
            r.user_id,
        )
        for r in db.Response
    )


def response_record(row: tuple[Any, ...]) -> StoredResponse:
    *front, body, user_id = row
    fields: list[Any] = [*front, decode(body), user_id]
    return StoredResponse(*fields)


def items_of(db: Db, row_id: int, is_output: bool) -> Any:
    return orm.select(
        (i.public_id, i.type, i.status, i.data, i.created_at)
        for link in db.ResponseItem
        for i in db.Item
        if link.response_id == row_id and link.is_output == is_output and i.id == link.item_id
    )


def item_list(found: Any) -> list[Item]:
    return [record(row) for row in found.order_by("link.position")]
