"""Items: what comes out is what went in, in the order of its arrival."""

from __future__ import annotations

from typing import Any

import gevent
import msgspec
import pytest

from storage import conversations, items
from storage.db.database import Database
from storage.errors import DuplicateItem, RecordNotFound
from storage.records import Conversation, User
from tests.storage.helpers import message, texts


@pytest.fixture
def conversation(database: Database, user: User) -> Conversation:
    return database.run(conversations.create, user.id)


def positions(database: Database, conversation: Conversation) -> list[int]:
    statement = "SELECT position FROM conversation_items WHERE conversation_id = $id ORDER BY position"
    return database.run(lambda db: list(db.select(statement, {"id": conversation.id})))


PRECIOUS: list[dict[str, Any]] = [
    {"type": "message", "role": "user", "content": "  \t leading, trailing \n\n "},
    {"zebra": 1, "type": "unknown_thing", "apple": {"z": [], "a": {}}, "empty": "", "none": None},
    {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"b": 1,  "a": 2 }', "status": "completed"},
    {
        "type": "message",
        "content": [{"text": "👩🏽‍💻 🇩🇪 e\u0301 \u200b \ufeff \u2028 \\u0041 \\ \" ' % %s $x ; --", "type": "x"}],
    },
    {"type": "reasoning", "numbers": [0, -0.5, 1e300, 1.0, 2**53 + 1, 2**64 - 1, -(2**63)], "big": True},
]


@pytest.mark.parametrize("item", PRECIOUS)
def test_an_item_comes_back_to_the_byte(
    database: Database, user: User, conversation: Conversation, item: dict[str, Any]
) -> None:
    [added] = database.run(items.add, user.id, conversation.public_id, [item])
    stored = database.run(items.get, user.id, conversation.public_id, added.public_id)
    assert stored == added
    assert next(iter(stored.data)) == "id"
    without_id = {key: value for key, value in stored.data.items() if key != "id"}
    assert msgspec.json.encode(without_id) == msgspec.json.encode(item)
    assert (stored.type, stored.status) == (item["type"], item.get("status"))


def test_ids_tell_what_an_item_is(database: Database, user: User, conversation: Conversation) -> None:
    kinds = ["message", "function_call", "function_call_output", "reasoning", "something_new"]
    added = database.run(items.add, user.id, conversation.public_id, [{"type": kind} for kind in kinds])
    assert [item.public_id.split("_")[0] for item in added] == ["msg", "fc", "fco", "rs", "item"]


@pytest.mark.parametrize("other", [{"a": True, "b": 2}, {"b": 2, "a": 1}])
def test_an_item_that_differs_to_the_byte_is_another_one(
    database: Database, user: User, conversation: Conversation, other: dict[str, Any]
) -> None:
    first = {"type": "message", "id": "msg_1", "a": 1, "b": 2}
    second = {"type": "message", "id": "msg_1", **other}
    database.run(conversations.create, user.id, None, [first])
    [added] = database.run(items.add, user.id, conversation.public_id, [second])
    assert added.public_id != "msg_1"
    assert msgspec.json.encode([added.data[name] for name in other]) == msgspec.json.encode(list(other.values()))
    assert [name for name in added.data if name in other] == list(other)
    with pytest.raises(DuplicateItem, match="msg_1"):
        database.run(conversations.create, user.id, None, [first, second])


def test_a_given_id_is_kept_in_its_place(database: Database, user: User, conversation: Conversation) -> None:
    [added] = database.run(items.add, user.id, conversation.public_id, [{"type": "message", "id": "msg_1", "a": 1}])
    assert list(added.data) == ["type", "id", "a"]
    assert added.public_id == "msg_1"


def test_the_same_item_is_not_in_a_conversation_twice(
    database: Database, user: User, conversation: Conversation
) -> None:
    item = message("x", id="msg_1")
    database.run(items.add, user.id, conversation.public_id, [item])
    for again in ([item], [message("y"), item], [{"type": "item_reference", "id": "msg_1"}]):
        with pytest.raises(DuplicateItem, match="msg_1"):
            database.run(items.add, user.id, conversation.public_id, again)
    with pytest.raises(DuplicateItem, match="msg_2"):
        database.run(items.add, user.id, conversation.public_id, [message("x", id="msg_2")] * 2)
    assert texts(database.run(items.list_all, user.id, conversation.public_id)) == ["x"]
    assert positions(database, conversation) == [0]


def test_an_id_that_is_taken_by_other_content_elsewhere_is_replaced(
    database: Database, user: User, conversation: Conversation
) -> None:
    database.run(conversations.create, user.id, None, [message("x", id="msg_1")])
    [other] = database.run(items.add, user.id, conversation.public_id, [message("y", id="msg_1")])
    assert other.public_id != "msg_1"
    assert other.data["id"] == other.public_id
    assert texts(database.run(items.list_all, user.id, conversation.public_id)) == ["y"]


def test_an_id_is_not_in_a_conversation_twice_whatever_the_items_say(
    database: Database, user: User, conversation: Conversation
) -> None:
    database.run(items.add, user.id, conversation.public_id, [message("x", id="msg_1")])
    for again in ([message("y", id="msg_1")], [message("z"), {"type": "function_call", "id": "msg_1"}]):
        with pytest.raises(DuplicateItem, match="msg_1"):
            database.run(items.add, user.id, conversation.public_id, again)
    with pytest.raises(DuplicateItem, match="msg_2"):
        database.run(items.add, user.id, conversation.public_id, [message("x", id="msg_2"), message("y", id="msg_2")])
    assert texts(database.run(items.list_all, user.id, conversation.public_id)) == ["x"]
    assert positions(database, conversation) == [0]


def test_two_users_may_use_one_id(database: Database, user: User, stranger: User) -> None:
    for owner, text in ((user, "mine"), (stranger, "theirs")):
        created = database.run(conversations.create, owner.id, None, [message(text, id="msg_1")])
        assert texts(database.run(items.list_all, owner.id, created.public_id)) == [text]
    assert texts(list(database.run(items.find, user.id, ["msg_1", "msg_2"]).values())) == ["mine"]


def test_a_reference_brings_an_item_into_another_conversation(
    database: Database, user: User, stranger: User, conversation: Conversation
) -> None:
    other = database.run(conversations.create, user.id, None, [message("x", id="msg_1")])
    reference = {"type": "item_reference", "id": "msg_1"}
    database.run(items.add, user.id, conversation.public_id, [reference, message("y")])
    assert texts(database.run(items.list_all, user.id, conversation.public_id)) == ["x", "y"]
    database.run(items.delete, user.id, other.public_id, "msg_1")
    assert texts(database.run(items.list_all, user.id, conversation.public_id)) == ["x", "y"]
    theirs = database.run(conversations.create, stranger.id)
    with pytest.raises(RecordNotFound, match="item 'msg_1'"):
        database.run(items.add, stranger.id, theirs.public_id, [reference])


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages_meet_each_item_once_in_order(
    database: Database, user: User, conversation: Conversation, order: Any, limit: int
) -> None:
    wanted = [str(number) for number in range(7)]
    database.run(items.add, user.id, conversation.public_id, [message(text) for text in wanted])
    met: list[str] = []
    after = None
    while True:
        page = database.run(items.list_page, user.id, conversation.public_id, after=after, limit=limit, order=order)
        met += texts(list(page.data))
        if not page.has_more:
            break
        after = page.data[-1].public_id
    assert met == (wanted if order == "asc" else wanted[::-1])


def test_a_page_after_an_item_of_another_conversation_is_refused(
    database: Database, user: User, conversation: Conversation
) -> None:
    other = database.run(conversations.create, user.id, None, [message("x", id="msg_1")])
    assert other.public_id
    with pytest.raises(RecordNotFound, match="item 'msg_1'"):
        database.run(items.list_page, user.id, conversation.public_id, after="msg_1")


def test_a_deleted_item_leaves_the_others_in_order(database: Database, user: User, conversation: Conversation) -> None:
    one, two, _ = database.run(items.add, user.id, conversation.public_id, [message(text) for text in "123"])
    database.run(items.delete, user.id, conversation.public_id, two.public_id)
    database.run(items.add, user.id, conversation.public_id, [message("4")])
    assert texts(database.run(items.list_all, user.id, conversation.public_id)) == ["1", "3", "4"]
    page = database.run(items.list_page, user.id, conversation.public_id, after=one.public_id, order="asc")
    assert texts(list(page.data)) == ["3", "4"]
    for function in (items.get, items.delete):
        with pytest.raises(RecordNotFound, match="item"):
            database.run(function, user.id, conversation.public_id, two.public_id)


def test_a_long_conversation_is_read_whole_and_in_order(
    database: Database, user: User, conversation: Conversation
) -> None:
    database.run(items.add, user.id, conversation.public_id, [message(str(number)) for number in range(250)])
    assert texts(database.run(items.list_all, user.id, conversation.public_id)) == [
        str(number) for number in range(250)
    ]


def test_many_who_add_at_once_do_not_mix_their_items(
    database: Database, user: User, conversation: Conversation
) -> None:
    def add(writer: int) -> None:
        for batch in range(5):
            texts_of_batch = [f"{writer}.{batch}.{number}" for number in range(3)]
            database.run(items.add, user.id, conversation.public_id, [message(text) for text in texts_of_batch])

    gevent.joinall([gevent.spawn(add, writer) for writer in range(12)], raise_error=True)
    stored = texts(database.run(items.list_all, user.id, conversation.public_id))
    assert len(stored) == len(set(stored)) == 180
    assert positions(database, conversation) == list(range(180))
    batches = [stored[start : start + 3] for start in range(0, 180, 3)]
    assert all(batch == [f"{batch[0][:-1]}{number}" for number in range(3)] for batch in batches)
    for writer in range(12):
        mine = [batch[0] for batch in batches if batch[0].startswith(f"{writer}.")]
        assert mine == [f"{writer}.{batch}.0" for batch in range(5)]


def test_adding_nothing_adds_nothing(database: Database, user: User, conversation: Conversation) -> None:
    assert database.run(items.add, user.id, conversation.public_id, []) == []


def test_adding_is_activity(database: Database, user: User, conversation: Conversation) -> None:
    from storage.db.sql import execute

    database.run(lambda db: execute(db, "UPDATE conversations SET active_at = $then", then=5_000_000))
    assert database.run(conversations.get, user.id, conversation.public_id).updated_at == 5
    database.run(items.add, user.id, conversation.public_id, [message("x")])
    assert database.run(conversations.get, user.id, conversation.public_id).updated_at >= conversation.updated_at


def test_items_that_are_added_again_are_there_once(
    database: Database, user: User, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = message("Hello"), message("Bye")
    for is_repeated in (True, True):  # the first attempt may have done nothing
        added = database.run(items.add, user.id, conversation.public_id, [one, other], is_repeated=is_repeated)
    stored = database.run(items.list_all, user.id, conversation.public_id)
    assert added == stored
    assert len(stored) == 2
    for later in ([other, one], [other]):
        database.run(items.add, user.id, conversation.public_id, later, is_repeated=True)
    assert len(database.run(items.list_all, user.id, conversation.public_id)) == 5
    database.run(items.add, user.id, conversation.public_id, [other])
    assert len(database.run(items.list_all, user.id, conversation.public_id)) == 6
    monkeypatch.setattr(items, "REPEATED_WITHIN_SECONDS", 0)
    database.run(items.add, user.id, conversation.public_id, [other], is_repeated=True)
    assert len(database.run(items.list_all, user.id, conversation.public_id)) == 7
