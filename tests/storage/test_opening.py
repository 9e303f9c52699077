"""What a turn reads before anything is generated, and how its conversation is locked meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from storage import conversations, items, opening
from storage.db import sql
from storage.db.database import Database
from storage.errors import ConversationLocked, DuplicateItem, RecordNotFound, ResponseStillRunning
from storage.records import Conversation, Opened, User
from tests.storage.helpers import answer, begin, complete, lock, message, texts


@pytest.fixture
def conversation(database: Database, user: User) -> Conversation:
    return database.run(conversations.create, user.id, None, [message("a", id="msg_a"), message("b")])


def reference(item_id: str) -> dict[str, Any]:
    return {"type": "item_reference", "id": item_id}


def test_a_conversation_is_read_from_its_beginning(database: Database, user: User, conversation: Conversation) -> None:
    found = database.run(opening.read_history, user.id, [message("c")], conversation_id=conversation.public_id)
    assert (texts(list(found.history)), texts(list(found.input))) == (["a", "b"], ["c"])


def test_reading_locks_nothing(database: Database, user: User, conversation: Conversation) -> None:
    database.run(opening.read_history, user.id, [], conversation_id=conversation.public_id)
    found = lock(database, user, conversation.public_id, "resp_1", message("c"))
    assert (texts(list(found.history)), texts(list(found.input))) == (["a", "b"], ["c"])
    again = database.run(opening.read_history, user.id, [], conversation_id=conversation.public_id)
    assert again.history == found.history


def test_a_locked_conversation_is_read_by_nobody_else_who_wants_to_add(
    database: Database, user: User, conversation: Conversation
) -> None:
    lock(database, user, conversation.public_id, "resp_1")
    with pytest.raises(ConversationLocked):
        lock(database, user, conversation.public_id, "resp_2")


def test_a_missing_reference_leaves_the_conversation_unlocked(
    database: Database, user: User, conversation: Conversation
) -> None:
    with pytest.raises(RecordNotFound, match="item 'msg_x'"):
        lock(database, user, conversation.public_id, "resp_1", reference("msg_x"))
    lock(database, user, conversation.public_id, "resp_2")


def test_an_item_cannot_be_referred_to_twice(database: Database, user: User, conversation: Conversation) -> None:
    with pytest.raises(DuplicateItem, match="'msg_a'"):
        database.run(opening.read_history, user.id, [reference("msg_a"), message("c"), reference("msg_a")])


def test_many_references_are_looked_up_in_batches(
    database: Database, user: User, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "MAX_VALUES", 1)
    [*_, b] = database.run(items.list_all, user.id, conversation.public_id)
    found = database.run(opening.read_history, user.id, [reference(b.public_id), reference("msg_a")])
    assert texts(list(found.input)) == ["b", "a"]


@pytest.mark.parametrize("is_locking", [False, True])
def test_references_are_looked_up_in_their_places(
    database: Database, user: User, stranger: User, conversation: Conversation, is_locking: bool
) -> None:
    def read(owner: User, *inputs: dict[str, Any]) -> Opened:
        if is_locking:
            return lock(database, owner, None, "resp_1", *inputs)
        return database.run(opening.read_history, owner.id, list(inputs))

    found = read(user, message("x"), reference("msg_a"), message("y"))
    assert (list(found.history), texts(list(found.input))) == ([], ["x", "a", "y"])
    with pytest.raises(RecordNotFound, match="item 'msg_a'"):
        read(stranger, reference("msg_a"))


@pytest.mark.parametrize("is_locking", [False, True])
def test_a_previous_response_is_the_history_once_it_has_ended(database: Database, user: User, is_locking: bool) -> None:
    def read(public_id: str) -> Opened:
        if is_locking:
            return lock(database, user, None, "resp_1", message("r"), previous_response_id=public_id)
        return database.run(opening.read_history, user.id, [message("r")], previous_response_id=public_id)

    begun = begin(database, user, message("q"))
    with pytest.raises(ResponseStillRunning, match=begun.public_id) as refused:
        read(begun.public_id)
    assert refused.value.status == "in_progress"
    complete(database, user, begun, answer("msg_1", "an answer"))
    found = read(begun.public_id)
    assert (texts(list(found.history)), texts(list(found.input))) == (["q", "an answer"], ["r"])
    with pytest.raises(RecordNotFound, match="response 'resp_x'"):
        read("resp_x")


def test_what_is_read_for_a_turn_is_there_when_it_is_stored(
    database: Database, user: User, conversation: Conversation
) -> None:
    """The lock is kept in between: nobody else's turn comes between what was read and what is appended."""
    read = lock(database, user, conversation.public_id, "resp_1")
    with pytest.raises(ConversationLocked):
        begin(database, user, message("other"), conversation_id=conversation.public_id)
    held = database.run(items.list_all, user.id, conversation.public_id)
    assert [item.data for item in held] == list(read.history)


def test_references_are_told_from_items() -> None:
    assert opening.references([message("x", id="msg_1"), reference("msg_2"), {"id": "msg_3"}]) == ["msg_2"]
