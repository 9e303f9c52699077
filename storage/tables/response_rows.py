"""Responses as rows, for the functions that store, end and read them.

Who changes one locks the conversation's row before the response's, so that two never wait for each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pony import orm
from pony.orm import Database as Db

from storage.db import sql
from storage.db.json_text import decode, encode
from storage.errors import RecordNotFound, ResponseEnded
from storage.records import RUNNING_STATUSES, SUMMARY_FIELDS, StoredEvent, StoredResponse
from storage.tables import conversation_rows, item_rows
from storage.tables.item_rows import ItemRow, record


@dataclass(frozen=True, slots=True)
class ResponseRow:
    """What never changes of a response: its row's number and its conversation."""

    id: int
    conversation_id: str | None


def find(db: Db, user_id: int, public_id: str) -> ResponseRow:
    """A response of this user. Raises RecordNotFound."""
    row = orm.select(
        (r.id, r.conversation_public_id) for r in db.Response if r.public_id == public_id and r.user_id == user_id
    ).get()
    if row is None:
        raise RecordNotFound("response", public_id)
    return ResponseRow(*row)


@dataclass(frozen=True, slots=True)
class LockedResponse:
    """A response that, like its conversation, nobody else can change until we commit."""

    id: int
    user_id: int
    public_id: str
    status: str
    next_position: int
    conversation: int | None
    """Number of the conversation's row. None if there is no conversation, or no longer."""
    conversation_next_position: int
    has_output: bool


def lock(db: Db, user_id: int | None, public_id: str) -> LockedResponse:
    """The running response, locked after its conversation; without a user, anybody's.

    Raises RecordNotFound and ResponseEnded.
    """
    statement = (
        "SELECT r.id, r.user_id, r.public_id, r.status, r.next_position, c.id, coalesce(c.next_position, 0),"
        " EXISTS (SELECT 1 FROM response_items o WHERE o.response_id = r.id AND o.is_output)"
        " FROM responses r LEFT JOIN conversations c ON c.public_id = r.conversation_public_id"
        " WHERE r.public_id = $public_id"
    )
    if sql.is_postgresql(db):
        statement = (
            "SELECT 1 FROM conversations WHERE public_id ="
            " (SELECT conversation_public_id FROM responses WHERE public_id = $public_id) FOR UPDATE;"
            f" {statement} FOR UPDATE OF r"
        )
    row = sql.fetch_one(db, statement, public_id=public_id)
    if row is None or (user_id is not None and row[1] != user_id):
        raise RecordNotFound("response", public_id)
    fields: list[Any] = [*row[:-1], bool(row[-1])]  # SQLite has no truth, only 1
    locked = LockedResponse(*fields)
    if locked.status not in RUNNING_STATUSES:
        raise ResponseEnded(public_id, locked.status)
    return locked


# --- output ---------------------------------------------------------------------------------------------------------


def output_rows(db: Db, row_id: int) -> list[ItemRow]:
    """Output items of a response, in their order."""
    found = sql.fetch_all(
        db,
        f"SELECT i.id, {item_rows.COLUMNS} FROM response_items link"
        " JOIN items i ON i.id = link.item_id WHERE link.response_id = $row_id AND link.is_output"
        " ORDER BY link.position",
        row_id=row_id,
    )
    return [ItemRow(one[0], record(one[1:]), is_new=False) for one in found]


def store_output(db: Db, row: LockedResponse, items: Sequence[dict[str, Any]]) -> sql.Batch:
    """Statements that store output items, of which new ones are inserted at once.

    New items come also at the end of the conversation; known ones are replaced where they have changed.
    """
    known = {stored.item.public_id: stored for stored in output_rows(db, row.id)} if row.has_output and items else {}
    new = [item_rows.insert(db, row.user_id, item) for item in items if item["id"] not in known]
    batch = sql.Batch()
    if new and row.conversation is not None:
        position = row.conversation_next_position
        batch = item_rows.append_to_conversation(db, row.user_id, row.conversation, position, new)
        conversation_rows.advance(batch, row.conversation, position + len(new))
    if new:
        item_rows.append_to_response(batch, row.id, row.next_position, new, is_output=True)
        batch.add(
            "UPDATE responses SET next_position = $next_position WHERE id = $id",
            next_position=row.next_position + len(new),
            id=row.id,
        )
    for item in items:
        stored = known.get(item["id"])
        if stored is not None and stored.item.data != item:
            item_rows.replace(db, batch, row.user_id, stored.id, item)
    return batch


# --- the object ---------------------------------------------------------------------------------------------------


def summary(body: Mapping[str, Any]) -> str:
    """What `storage.summaries` reads."""
    return encode({name: body.get(name) for name in SUMMARY_FIELDS})


# --- the end --------------------------------------------------------------------------------------------------------


def end(batch: sql.Batch, row: LockedResponse, status: str, body: dict[str, Any]) -> None:
    """End a locked response, of which nothing more will be stored, and let its conversation go."""
    batch.add(
        "UPDATE responses SET status = $status, body = $body, summary = $summary, lease_until = NULL WHERE id = $id",
        status=status,
        body=encode(body),
        summary=summary(body),
        id=row.id,
    )
    if row.conversation is not None:
        conversation_rows.release(batch, row.public_id)


# --- events ---------------------------------------------------------------------------------------------------------


def append_events(batch: sql.Batch, row_id: int, events: Sequence[StoredEvent]) -> None:
    """Store events. Known ones are skipped, since their writer may not know that they are stored."""
    rows = [(row_id, event.sequence_number, event.data) for event in events]
    batch.insert_rows("response_events", ("response_id", "sequence_number", "data"), rows, skips_known=True)


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


def input_positions(db: Db, user_id: int, row_id: int, public_id: str) -> list[int]:
    """Positions of an item in the input of a response. An item has several if it was referred to again."""
    found = orm.select(
        link.position
        for i in db.Item
        for link in db.ResponseItem
        if i.user_id == user_id
        and i.public_id == public_id
        and link.item_id == i.id
        and link.response_id == row_id
        and not link.is_output
    )
    return list(found)


# --- attempts that broke off ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where a response stands in its conversation."""

    response_id: int
    conversation_id: int
    position: int
    """Position of its first input item."""


def place_of(db: Db, user_id: int, public_id: str) -> Place | None:
    """Place of a response in its conversation; None if it has none, or no longer."""
    found = orm.select(
        (r.id, c.id, r.conversation_position)
        for r in db.Response
        for c in db.Conversation
        if r.public_id == public_id
        and r.user_id == user_id
        and c.public_id == r.conversation_public_id
        and r.conversation_position is not None
    ).get()
    return None if found is None else Place(*found)


def is_last_in_conversation(db: Db, row_id: int) -> bool:
    """Whether a response's conversation holds nothing from its place on but its own items."""
    others = orm.select(
        link.item_id
        for r in db.Response
        for c in db.Conversation
        for link in db.ConversationItem
        if r.id == row_id
        and c.public_id == r.conversation_public_id
        and link.conversation_id == c.id
        and link.position >= r.conversation_position
    )
    own = set(orm.select(link.item_id for link in db.ResponseItem if link.response_id == row_id))
    return set(others) <= own


def input_rows(db: Db, row_id: int) -> list[ItemRow]:
    """Rows of what was sent with a response, in order."""
    found = orm.select(
        (link.position, i.id, i.public_id, i.type, i.status, i.data, i.created_at)
        for link in db.ResponseItem
        for i in db.Item
        if link.response_id == row_id and not link.is_output and i.id == link.item_id
    )
    return [ItemRow(one[1], record(one[2:]), is_new=False) for one in sorted(found)]


def leave_conversation(batch: sql.Batch, place: Place) -> None:
    """Take what a response has answered out of its conversation; the response itself keeps it."""
    batch.add(
        "DELETE FROM conversation_items WHERE conversation_id = $conversation AND item_id IN"
        " (SELECT item_id FROM response_items WHERE response_id = $response AND is_output)",
        conversation=place.conversation_id,
        response=place.response_id,
    )
