"""Responses in few words, beside the items that they made and the conversations that they were made in."""

from __future__ import annotations

from typing import Any

import pytest
from pony.orm import Database as Db

from storage import conversations, items, responses, summaries
from storage.db import sql
from storage.db.database import Database
from storage.records import SUMMARY_FIELDS, Conversation, ResponseSummary, StoredResponse, User
from tests.storage.helpers import answer, begin, complete, message
from tests.storage.test_plans import plan_of

SAID: dict[str, Any] = {
    "model": "m",
    "completed_at": 9,
    "usage": {"total_tokens": 3},
    "timings": {"predicted_n": 1},
    "incomplete_details": None,
    "error": None,
}


@pytest.fixture
def conversation(database: Database, user: User) -> Conversation:
    return database.run(conversations.create, user.id)


def answered(database: Database, user: User, conversation: Conversation, *item_ids: str) -> StoredResponse:
    """A response that has made these items."""
    begun = begin(database, user, message("q"), conversation_id=conversation.public_id)
    outputs = [answer(item_id, "a") for item_id in item_ids]
    body = begun.body | SAID | {"status": "completed", "output": outputs, "instructions": "x" * 1000}
    database.run(responses.finish, user.id, begun.public_id, "completed", body, outputs)
    return database.run(responses.get, user.id, begun.public_id)


def origins(database: Database, user: User, conversation: Conversation) -> dict[str, str]:
    """Ids of the responses that made the items of a conversation, by the items' ids."""
    listed = database.run(items.list_all, user.id, conversation.public_id)
    found = database.run(summaries.of_items, user.id, [item.public_id for item in listed])
    return {item_id: made_by.public_id for item_id, made_by in found.items()}


def test_an_item_knows_the_response_that_made_it(
    database: Database, user: User, stranger: User, conversation: Conversation
) -> None:
    first = answered(database, user, conversation, "msg_1", "msg_2")
    second = answered(database, user, conversation, "msg_3")
    expected = {"msg_1": first.public_id, "msg_2": first.public_id, "msg_3": second.public_id}
    assert origins(database, user, conversation) == expected
    [found] = database.run(summaries.of_items, user.id, ["msg_1", "msg_x"]).values()
    assert found == ResponseSummary(first.public_id, "completed", first.created_at, SAID)
    assert database.run(summaries.of_items, stranger.id, ["msg_1"]) == {}
    assert database.run(summaries.of_items, user.id, []) == {}


def test_a_fork_shares_it_and_so_does_who_sends_the_item_again(
    database: Database, user: User, conversation: Conversation
) -> None:
    made = answered(database, user, conversation, "msg_1")
    fork = database.run(conversations.fork, user.id, conversation.public_id)
    begin(database, user, {"type": "item_reference", "id": "msg_1"})
    assert origins(database, user, fork) == {"msg_1": made.public_id}


def test_a_deleted_response_is_no_origin(database: Database, user: User, conversation: Conversation) -> None:
    made = answered(database, user, conversation, "msg_1")
    database.run(responses.delete, user.id, made.public_id)
    assert origins(database, user, conversation) == {}


def test_it_is_there_while_the_item_grows(database: Database, user: User, conversation: Conversation) -> None:
    growing = begin(database, user, message("q"), conversation_id=conversation.public_id)
    database.run(responses.save_output, user.id, growing.public_id, [answer("msg_1", "a", "in_progress")])
    [found] = database.run(summaries.of_items, user.id, ["msg_1"]).values()
    assert (found.public_id, found.status) == (growing.public_id, "in_progress")
    assert found.fields == dict.fromkeys(SUMMARY_FIELDS)


def test_a_row_from_before_there_were_summaries_is_read_as_a_whole(
    database: Database, user: User, conversation: Conversation
) -> None:
    made = answered(database, user, conversation, "msg_1")

    def forget(db: Db) -> None:
        sql.execute(db, "UPDATE responses SET summary = NULL")

    before = database.run(summaries.of_items, user.id, ["msg_1"])
    database.run(forget)
    assert database.run(summaries.of_items, user.id, ["msg_1"]) == before
    last = database.run(summaries.last_of, user.id, conversation.public_id)
    assert last is not None
    assert (last.public_id, last.fields) == (made.public_id, SAID)


def test_the_last_response_of_a_conversation_is_the_newest_in_whatever_state(
    database: Database, user: User, stranger: User, conversation: Conversation
) -> None:
    def last(who: User = user) -> tuple[str, str] | None:
        found = database.run(summaries.last_of, who.id, conversation.public_id)
        return None if found is None else (found.public_id, found.status)

    assert last() is None
    answered(database, user, conversation, "msg_1")
    begun = begin(database, user, message("q"), conversation_id=conversation.public_id)
    begin(database, user, message("elsewhere"))
    assert last() == (begun.public_id, "in_progress")
    complete(database, user, begun, status="failed")
    assert last() == (begun.public_id, "failed")
    assert last(stranger) is None


def test_one_whose_worker_died_gets_its_end_first(database: Database, user: User, conversation: Conversation) -> None:
    dead = begin(database, user, message("q"), conversation_id=conversation.public_id, lease_seconds=-1)
    found = database.run(summaries.last_of, user.id, conversation.public_id)
    assert found is not None
    assert (found.public_id, found.status) == (dead.public_id, "failed")
    assert found.fields["error"]["code"] == "server_error"
    assert found.fields["completed_at"] >= found.created_at


def test_a_page_goes_through_no_table(database: Database, user: User, conversation: Conversation) -> None:
    answered(database, user, conversation, "msg_1")
    if not database.run(sql.is_postgresql):  # which reads small tables as a whole
        plan = plan_of(database, summaries.of_items, user.id, ["msg_1", "msg_2"])
        assert "SCAN" not in plan, plan
        assert "TEMP B-TREE" not in plan, plan
        assert "responses_of_conversation" in plan_of(database, summaries.last_of, user.id, conversation.public_id)
