"""One turn at a time in a conversation."""

from __future__ import annotations

import gevent
import pytest

from storage import conversations, items, responses
from storage.db.database import Database
from storage.errors import ConversationLocked, RecordNotFound
from storage.leases import locks, workers
from storage.records import Conversation, User
from tests.storage.helpers import answer, begin, lock, message, texts


@pytest.fixture
def conversation(database: Database, user: User) -> Conversation:
    return database.run(conversations.create, user.id)


def test_a_lock_keeps_others_out_until_it_is_let_go(database: Database, user: User, conversation: Conversation) -> None:
    lock(database, user, conversation.public_id, "resp_1")
    with pytest.raises(ConversationLocked, match=conversation.public_id) as refused:
        lock(database, user, conversation.public_id, "resp_2")
    assert 30 < refused.value.seconds_left <= 60
    database.run(locks.unlock, user.id, conversation.public_id, "resp_2")
    with pytest.raises(ConversationLocked):
        lock(database, user, conversation.public_id, "resp_2")
    database.run(locks.unlock, user.id, conversation.public_id, "resp_1")
    lock(database, user, conversation.public_id, "resp_2")


def test_its_owner_may_have_it_for_longer(database: Database, user: User, conversation: Conversation) -> None:
    left = []
    for lease_seconds in (60, 120):
        lock(database, user, conversation.public_id, "resp_1", lease_seconds=lease_seconds)
        with pytest.raises(ConversationLocked) as refused:
            lock(database, user, conversation.public_id, "resp_2")
        left.append(refused.value.seconds_left)
    first, second = left
    assert 30 < first <= 60 < second <= 120


def test_a_lock_dies_with_its_owner(database: Database, user: User, conversation: Conversation) -> None:
    lock(database, user, conversation.public_id, "resp_1", lease_seconds=-1)
    lock(database, user, conversation.public_id, "resp_2")
    with pytest.raises(ConversationLocked):
        lock(database, user, conversation.public_id, "resp_1")


def test_nobody_waits_for_a_dead_worker_of_this_machine(
    database: Database, user: User, conversation: Conversation, dead_worker: str
) -> None:
    lock(database, user, conversation.public_id, "resp_1", worker=dead_worker)
    lock(database, user, conversation.public_id, "resp_2", worker=workers.own_name())
    with pytest.raises(ConversationLocked):
        lock(database, user, conversation.public_id, "resp_3", worker=dead_worker)


def test_of_many_at_once_one_gets_it(database: Database, user: User, conversation: Conversation) -> None:
    calls = [gevent.spawn(lock, database, user, conversation.public_id, f"resp_{number}") for number in range(30)]
    gevent.joinall(calls)
    assert sum(call.successful() for call in calls) == 1
    assert {type(call.exception) for call in calls} == {type(None), ConversationLocked}


def test_an_unknown_conversation_cannot_be_locked(
    database: Database, user: User, stranger: User, conversation: Conversation
) -> None:
    for owner, public_id in ((user, "conv_x"), (stranger, conversation.public_id)):
        with pytest.raises(RecordNotFound, match="conversation"):
            lock(database, owner, public_id, "resp_1")
    database.run(locks.unlock, stranger.id, conversation.public_id, "resp_1")


def test_items_can_be_added_while_a_turn_goes_on(database: Database, user: User, conversation: Conversation) -> None:
    lock(database, user, conversation.public_id, "resp_1")
    database.run(items.add, user.id, conversation.public_id, [message("x")])


def test_the_next_turn_ends_the_one_whose_worker_died(
    database: Database, user: User, conversation: Conversation
) -> None:
    dead = begin(database, user, message("q"), conversation_id=conversation.public_id, lease_seconds=-1)
    database.run(responses.save_output, user.id, dead.public_id, [answer("msg_a", "half", "in_progress")])
    begin(database, user, message("next"), conversation_id=conversation.public_id)
    held = database.run(items.list_all, user.id, conversation.public_id)
    assert texts(held) == ["q", "half", "next"]
    assert held[1].status == held[1].data["status"] == "incomplete"
    assert database.run(responses.get, user.id, dead.public_id).status == "incomplete"
