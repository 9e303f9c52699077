"""Requests that are repeated: the response that an earlier attempt has made, and taking its place in the conversation.

    repeated by key        the newest response with that key is the earlier attempt
    repeated by a client   that got no answer: the last response of the conversation, if nothing came after it

An attempt that broke off is taken up: its input stays where it is, what it answered leaves the conversation, and the
new answer comes in its place. The broken off response itself stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pony import orm
from pony.orm import Database as Db

from storage import responses
from storage.records import Attempt
from storage.tables import item_rows, response_rows
from storage.tables.item_rows import record
from storage.tables.sameness import say_the_same


def of_key(db: Db, user_id: int, key: str, input_items: Sequence[Mapping[str, Any]]) -> Attempt | None:
    """The newest attempt with this key; None if there is none."""
    found = orm.select((r.id, r.public_id) for r in db.Response if r.user_id == user_id and r.idempotency_key == key)
    return _attempt(db, user_id, found.order_by("orm.desc(r.id)").first(), input_items)


def last_of(db: Db, user_id: int, conversation_id: str, input_items: Sequence[Mapping[str, Any]]) -> Attempt | None:
    """The last response of a conversation; None if there is none, or something was added after it."""
    found = orm.select(
        (r.id, r.public_id) for r in db.Response if r.conversation_public_id == conversation_id and r.user_id == user_id
    )
    newest = found.order_by("orm.desc(r.id)").first()
    if newest is None or not response_rows.is_last_in_conversation(db, newest[0]):
        return None
    return _attempt(db, user_id, newest, input_items)


def _attempt(
    db: Db, user_id: int, found: tuple[int, str] | None, input_items: Sequence[Mapping[str, Any]]
) -> Attempt | None:
    if found is None:
        return None
    row_id, public_id = found
    sent = item_rows.in_order(response_rows.items_of(db, row_id, is_output=False))
    is_equal = say_the_same([record(one).data for one in sent], input_items)
    return Attempt(responses.get(db, user_id, public_id), is_equal)
