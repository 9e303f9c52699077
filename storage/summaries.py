"""Responses in few words: what a list says beside an item or a conversation.

A summary has some fields of the Response object, and is stored beside it, so that nobody reads megabytes for it. Rows
from before there were summaries have none, and are read as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pony import orm
from pony.orm import Database as Db
from pony.orm import raw_sql

from storage.db import sql
from storage.db.json_text import decode
from storage.leases import reaping
from storage.records import RUNNING_STATUSES, SUMMARY_FIELDS, ResponseSummary

_TEXT = "coalesce(r.summary, r.body)"


def of_items(db: Db, user_id: int, public_ids: Sequence[str]) -> dict[str, ResponseSummary]:
    """The responses that these items are outputs of, by the items' ids.

    Missing are items that somebody sent, and those whose response was deleted.
    """
    found: dict[str, ResponseSummary] = {}
    for wanted in sql.in_batches(list(public_ids)):
        rows = orm.select(
            (i.public_id, r.public_id, r.status, r.created_at, raw_sql(_TEXT))
            for i in db.Item
            for link in db.ResponseItem
            for r in db.Response
            if i.user_id == user_id
            and i.public_id in wanted
            and link.item_id == i.id
            and link.is_output
            and r.id == link.response_id
        )
        found |= {row[0]: _record(row[1:]) for row in rows.without_distinct()}
    return found


def last_of(db: Db, user_id: int, conversation_id: str) -> ResponseSummary | None:
    """The newest response that was made in a conversation, ended first if its worker died; None if there is none."""
    found = _last(db, user_id, conversation_id)
    if found is None or found.status not in RUNNING_STATUSES or not reaping.is_expired(db, found.public_id):
        return found
    reaping.reap(db, found.public_id)
    return _last(db, user_id, conversation_id)


def _last(db: Db, user_id: int, conversation_id: str) -> ResponseSummary | None:
    rows = orm.select(
        (r.id, r.public_id, r.status, r.created_at, raw_sql(_TEXT))
        for r in db.Response
        if r.conversation_public_id == conversation_id and r.user_id == user_id
    )
    newest = rows.order_by("orm.desc(r.id)").first()
    return None if newest is None else _record(newest[1:])


def _record(row: Sequence[Any]) -> ResponseSummary:
    public_id, status, created_at, text = row
    said = decode(text)
    return ResponseSummary(public_id, status, created_at, {name: said.get(name) for name in SUMMARY_FIELDS})
