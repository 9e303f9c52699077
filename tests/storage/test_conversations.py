"""Conversations and their lists."""

from __future__ import annotations

from typing import Any

import gevent
import pytest

from storage import conversations, items, responses
from storage.db.database import Database
from storage.db.sql import execute
from storage.errors import RecordNotFound
from storage.records import Conversation, User
from tests.storage.helpers import begin, complete, lock, message, texts


def create(database: Database, user: User, **metadata: str) -> Conversation:
    return database.run(conversations.create, user.id, metadata)


def all_pages(database: Database, user: User, limit: int, **more: Any) -> list[str]:
    ids: list[str] = []
    after = None
    while True:
        page = database.run(conversations.list_page, user.id, after=after, limit=limit, **more)
        ids += [conversation.public_id for conversation in page.data]
        if not page.has_more:
            return ids
        after = ids[-1]


def test_a_conversation_comes_back_as_it_went_in(database: Database, user: User) -> None:
    created = database.run(conversations.create, user.id, {"b": " 1 ", "a": "ü🙂"}, title="  Tea  ")
    assert database.run(conversations.get, user.id, created.public_id) == created
    assert list(created.metadata.items()) == [("b", " 1 "), ("a", "ü🙂")]
    assert created.title == "  Tea  "
    assert created.created_at == created.updated_at


def test_its_first_items_are_stored_with_it_or_not_at_all(database: Database, user: User) -> None:
    created = database.run(conversations.create, user.id, None, [message("one"), message("two")])
    assert texts(database.run(items.list_all, user.id, created.public_id)) == ["one", "two"]
    with pytest.raises(RecordNotFound, match="item 'msg_x'"):
        database.run(conversations.create, user.id, None, [message("a"), {"type": "item_reference", "id": "msg_x"}])
    assert len(all_pages(database, user, 10)) == 1


def test_another_users_conversation_does_not_exist(database: Database, user: User, stranger: User) -> None:
    mine = create(database, user).public_id
    calls: list[tuple[Any, ...]] = [
        (conversations.get,),
        (conversations.update, {}),
        (conversations.delete,),
        (conversations.fork,),
        (items.add, [message("x")]),
        (items.list_all,),
        (items.list_page,),
        (items.get, "msg_x"),
        (items.delete, "msg_x"),
    ]
    for function, *more in calls:
        with pytest.raises(RecordNotFound, match=f"conversation '{mine}'"):
            database.run(function, stranger.id, mine, *more)
    with pytest.raises(RecordNotFound):
        database.run(conversations.list_page, stranger.id, after=mine)
    assert not database.run(conversations.suggest_title, stranger.id, mine, "x")
    assert all_pages(database, stranger, 10) == []
    assert database.run(conversations.get, user.id, mine).title is None


def test_an_update_replaces_what_it_names(database: Database, user: User) -> None:
    created = create(database, user, a="1", b="2")
    titled = database.run(conversations.update, user.id, created.public_id, title="Tea")
    assert (titled.title, titled.metadata) == ("Tea", {"a": "1", "b": "2"})
    updated = database.run(conversations.update, user.id, created.public_id, {"c": "3"})
    assert (updated.title, updated.metadata) == ("Tea", {"c": "3"})
    assert updated.updated_at == created.updated_at
    assert all_pages(database, user, 10, metadata={"a": "1"}) == []
    assert all_pages(database, user, 10, metadata={"c": "3"}) == [created.public_id]


def test_a_suggested_title_gives_way_to_the_clients(database: Database, user: User) -> None:
    first, second = create(database, user).public_id, create(database, user).public_id
    database.run(conversations.update, user.id, first, title="mine")
    assert not database.run(conversations.suggest_title, user.id, first, "made up")
    assert database.run(conversations.suggest_title, user.id, second, "made up")
    assert database.run(conversations.get, user.id, first).title == "mine"
    assert database.run(conversations.get, user.id, second).title == "made up"


def test_a_deleted_conversation_is_gone_with_its_items(database: Database, user: User) -> None:
    created = create(database, user)
    [item] = database.run(items.add, user.id, created.public_id, [message("x")])
    database.run(conversations.delete, user.id, created.public_id)
    with pytest.raises(RecordNotFound):
        database.run(conversations.get, user.id, created.public_id)
    with pytest.raises(RecordNotFound):
        database.run(conversations.delete, user.id, created.public_id)
    assert database.run(items.find, user.id, [item.public_id]) == {}


def test_the_list_is_by_newest_activity(database: Database, user: User) -> None:
    one, two, three = (create(database, user).public_id for _ in range(3))
    assert all_pages(database, user, 10) == [three, two, one]
    database.run(items.add, user.id, one, [message("x")])
    assert all_pages(database, user, 10) == [one, three, two]
    assert all_pages(database, user, 10, order="asc") == [two, three, one]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages_meet_each_one_once_even_if_all_are_of_the_same_time(database: Database, user: User, limit: int) -> None:
    ids = [create(database, user, number=str(number)).public_id for number in range(7)]
    database.run(lambda db: execute(db, "UPDATE conversations SET active_at = $now", now=1_000_000))
    assert all_pages(database, user, limit) == ids[::-1]
    assert all_pages(database, user, limit, order="asc") == ids


def test_a_page_after_a_conversation_that_is_gone_is_refused(database: Database, user: User) -> None:
    with pytest.raises(RecordNotFound, match="conversation 'conv_x'"):
        database.run(conversations.list_page, user.id, after="conv_x")


def test_the_filter_wants_all_pairs_exactly(database: Database, user: User) -> None:
    both = create(database, user, a="1", b="2").public_id
    create(database, user, a="1")
    create(database, user, a="2", b="1")
    assert all_pages(database, user, 1, metadata={"a": "1", "b": "2"}) == [both]
    assert len(all_pages(database, user, 1, metadata={"a": "1"})) == 2
    assert all_pages(database, user, 1, metadata={"a": "%"}) == []
    assert all_pages(database, user, 1, metadata={"' OR 1=1 --": "$x"}) == []


def test_metadata_of_the_largest_size_can_be_found(database: Database, user: User) -> None:
    largest = {"🔑" * 64: "".join(chr(0x1F300 + number) for number in range(512))}
    created = database.run(conversations.create, user.id, largest)
    assert all_pages(database, user, 10, metadata=largest) == [created.public_id]


def test_a_fork_has_the_items_up_to_one(database: Database, user: User) -> None:
    source = database.run(
        conversations.create, user.id, {"a": "1"}, [message("one"), message("two"), message("three")], title="T"
    )
    two = database.run(items.list_all, user.id, source.public_id)[1].public_id
    forked = database.run(conversations.fork, user.id, source.public_id, two)
    assert (forked.title, forked.metadata) == ("T", {"a": "1"})
    database.run(items.add, user.id, forked.public_id, [message("other")])
    assert texts(database.run(items.list_all, user.id, forked.public_id)) == ["one", "two", "other"]
    assert texts(database.run(items.list_all, user.id, source.public_id)) == ["one", "two", "three"]
    database.run(conversations.delete, user.id, source.public_id)
    assert texts(database.run(items.list_all, user.id, forked.public_id)) == ["one", "two", "other"]
    assert all_pages(database, user, 10, metadata={"a": "1"}) == [forked.public_id]


def test_a_fork_without_an_item_has_all(database: Database, user: User) -> None:
    source = database.run(conversations.create, user.id, None, [message("one"), message("two")])
    forked = database.run(conversations.fork, user.id, source.public_id)
    assert texts(database.run(items.list_all, user.id, forked.public_id)) == ["one", "two"]
    empty = database.run(conversations.fork, user.id, create(database, user).public_id)
    database.run(items.add, user.id, empty.public_id, [message("first")])
    assert texts(database.run(items.list_all, user.id, empty.public_id)) == ["first"]


def test_a_fork_from_an_unknown_item_leaves_nothing(database: Database, user: User) -> None:
    source = create(database, user)
    with pytest.raises(RecordNotFound, match="item 'msg_x'"):
        database.run(conversations.fork, user.id, source.public_id, "msg_x")
    assert all_pages(database, user, 10) == [source.public_id]


def test_a_fork_does_not_inherit_the_lock_or_wait_for_it(database: Database, user: User) -> None:
    source = create(database, user)
    lock(database, user, source.public_id, "resp_1")
    forked = database.run(conversations.fork, user.id, source.public_id)
    lock(database, user, forked.public_id, "resp_2")


def test_many_created_at_once_are_all_there(database: Database, user: User) -> None:
    calls = [gevent.spawn(create, database, user) for _ in range(40)]
    gevent.joinall(calls, raise_error=True)
    assert sorted(all_pages(database, user, 7)) == sorted(call.get().public_id for call in calls)


def test_what_nothing_refers_to_any_more_is_gone(database: Database, user: User) -> None:
    made = database.run(conversations.create, user.id, None, [message(text, id=f"msg_{text}") for text in "abcd"])
    begun = begin(database, user, message("e", id="msg_e"), {"type": "item_reference", "id": "msg_c"})
    forked = database.run(conversations.fork, user.id, made.public_id, "msg_b")
    everything = [f"msg_{text}" for text in "abcde"]
    database.run(items.delete, user.id, made.public_id, "msg_d")
    assert set(database.run(items.find, user.id, everything)) == {"msg_a", "msg_b", "msg_c", "msg_e"}
    database.run(conversations.delete, user.id, made.public_id)
    assert set(database.run(items.find, user.id, everything)) == {"msg_a", "msg_b", "msg_c", "msg_e"}
    database.run(items.delete, user.id, forked.public_id, "msg_a")
    assert set(database.run(items.find, user.id, everything)) == {"msg_b", "msg_c", "msg_e"}
    database.run(responses.delete, user.id, begun.public_id)
    database.run(conversations.delete, user.id, forked.public_id)
    assert database.run(items.find, user.id, everything) == {}


def test_it_names_the_response_that_is_being_made_in_it(database: Database, user: User, dead_worker: str) -> None:
    busy, free, left = (create(database, user).public_id for _ in range(3))
    making = begin(database, user, message("q"), conversation_id=busy)
    begin(database, user, message("q"), conversation_id=left, owner=dead_worker)

    def active() -> dict[str, str | None]:
        listed = database.run(conversations.list_page, user.id).data
        assert list(listed) == [database.run(conversations.get, user.id, one.public_id) for one in listed]
        return {one.public_id: one.active_response_id for one in listed}

    assert active() == {busy: making.public_id, free: None, left: None}
    assert database.run(conversations.update, user.id, busy, title="t").active_response_id == making.public_id
    assert database.run(conversations.fork, user.id, busy).active_response_id is None
    complete(database, user, making)
    assert set(active().values()) == {None}


def test_a_turn_that_is_not_stored_yet_is_not_named(database: Database, user: User) -> None:
    conversation = create(database, user)
    lock(database, user, conversation.public_id, "resp_x")
    assert database.run(conversations.get, user.id, conversation.public_id).active_response_id is None
