"""Repeated requests: which response an earlier attempt has made, and how another one takes its place."""

from __future__ import annotations

from typing import Any

import pytest

from storage import attempts, conversations, items, responses
from storage.db.database import Database
from storage.leases import locks
from storage.records import Attempt, Conversation, StoredResponse, User
from tests.storage.helpers import answer, begin, complete, lock, message, texts


@pytest.fixture
def conversation(database: Database, user: User) -> Conversation:
    return database.run(conversations.create, user.id, None, [message("a")])


def said(database: Database, user: User, conversation: Conversation) -> list[str]:
    return texts(database.run(items.list_all, user.id, conversation.public_id))


def broken_off(database: Database, user: User, conversation: Conversation, **more: Any) -> StoredResponse:
    begun = begin(database, user, message("b"), conversation_id=conversation.public_id, **more)
    return complete(database, user, begun, answer("msg_half", "hal", "incomplete"), status="incomplete")


def test_an_attempt_is_found_by_its_key(database: Database, user: User, stranger: User) -> None:
    first = begin(database, user, message("b"), idempotency_key="k")

    def found(owner: User, key: str, text: str) -> Attempt | None:
        return database.run(attempts.of_key, owner.id, key, [message(text)])

    attempt = found(user, "k", "b")
    assert attempt is not None
    assert (attempt.response.public_id, attempt.has_equal_input) == (first.public_id, True)
    other = found(user, "k", "c")
    assert other is not None
    assert not other.has_equal_input
    assert found(user, "x", "b") is None
    assert found(stranger, "k", "b") is None


def test_of_attempts_with_a_key_the_newest_counts(database: Database, user: User) -> None:
    begin(database, user, message("b"), idempotency_key="k")
    second = begin(database, user, message("b"), idempotency_key="k")
    found = database.run(attempts.of_key, user.id, "k", [message("b")])
    assert found is not None
    assert found.response.public_id == second.public_id


def test_the_last_turn_of_a_conversation_is_found(
    database: Database, user: User, stranger: User, conversation: Conversation
) -> None:
    first = broken_off(database, user, conversation)
    found = database.run(attempts.last_of, user.id, conversation.public_id, [message("b")])
    assert found is not None
    assert (found.response.public_id, found.has_equal_input) == (first.public_id, True)
    assert database.run(attempts.last_of, stranger.id, conversation.public_id, [message("b")]) is None


def test_a_turn_is_not_the_last_one_when_something_came_after_it(
    database: Database, user: User, conversation: Conversation
) -> None:
    broken_off(database, user, conversation)
    database.run(items.add, user.id, conversation.public_id, [message("later")])
    assert database.run(attempts.last_of, user.id, conversation.public_id, [message("b")]) is None


def test_an_attempt_that_is_taken_up_leaves_its_input_and_takes_its_answer_along(
    database: Database, user: User, conversation: Conversation
) -> None:
    first = broken_off(database, user, conversation)
    assert said(database, user, conversation) == ["a", "b", "hal"]
    found = lock(database, user, conversation.public_id, "resp_2", message("b"), takes_up=first.public_id)
    assert (texts(list(found.history)), texts(list(found.input)), found.takes_up) == (["a"], ["b"], first.public_id)
    database.run(locks.unlock, user.id, conversation.public_id, "resp_2")
    again = begin(database, user, message("b"), conversation_id=conversation.public_id, takes_up=first.public_id)
    assert said(database, user, conversation) == ["a", "b"]
    complete(database, user, again, answer("msg_whole", "whole"))
    assert said(database, user, conversation) == ["a", "b", "whole"]
    assert texts(database.run(responses.output_items, user.id, first.public_id)) == ["hal"]
    (sent,) = database.run(responses.input_items_page, user.id, again.public_id).data
    assert sent.public_id == database.run(responses.input_items_page, user.id, first.public_id).data[0].public_id
    assert texts(database.run(responses.chain, user.id, again.public_id)) == ["a", "b", "whole"]


def test_what_was_added_since_an_attempt_is_not_passed_over(
    database: Database, user: User, conversation: Conversation
) -> None:
    first = broken_off(database, user, conversation)
    database.run(items.add, user.id, conversation.public_id, [message("later")])
    found = lock(database, user, conversation.public_id, "resp_2", message("b"), takes_up=first.public_id)
    assert (texts(list(found.history)), found.takes_up) == (["a", "b", "hal", "later"], None)
