"""Responses: one turn from what was sent to its end."""

from __future__ import annotations

from typing import Any

import gevent
import pytest

from storage import conversations, items, responses
from storage.db import sql
from storage.db.database import Database
from storage.errors import ConversationLocked, DuplicateItem, RecordNotFound, ResponseEnded
from storage.records import Conversation, Page, StoredEvent, StoredItem, User
from tests.storage.helpers import answer, begin, complete, message, response_body, texts


@pytest.fixture
def conversation(database: Database, user: User) -> Conversation:
    return database.run(conversations.create, user.id)


def history(database: Database, user: User, conversation: Conversation) -> list[str]:
    return texts(database.run(items.list_all, user.id, conversation.public_id))


# --- the beginning --------------------------------------------------------------------------------------------------


def test_what_was_sent_is_stored_before_anything_is_generated(
    database: Database, user: User, conversation: Conversation
) -> None:
    begun = begin(database, user, message("a"), message("b"), conversation_id=conversation.public_id)
    assert begun.is_running
    assert begun.conversation_id == conversation.public_id
    assert database.run(responses.get, user.id, begun.public_id) == begun
    assert history(database, user, conversation) == ["a", "b"]
    page = database.run(responses.input_items_page, user.id, begun.public_id, order="asc")
    assert texts(list(page.data)) == ["a", "b"]


def test_the_response_object_comes_back_in_its_order(database: Database, user: User) -> None:
    body = {"zebra": "  ", **response_body(), "apple": {"b": 1, "a": [1.0]}}
    begun = database.run(responses.create, user.id, body, [], owner="w", lease_seconds=60)
    assert begun.body == body
    assert list(begun.body) == list(body)
    assert (begun.created_at, begun.status) == (5, "in_progress")


def test_calling_it_twice_stores_it_once(database: Database, user: User, conversation: Conversation) -> None:
    body = response_body()
    calls = [
        gevent.spawn(
            database.run,
            responses.create,
            user.id,
            body,
            [message("q")],
            owner="w",
            lease_seconds=60,
            conversation_id=conversation.public_id,
        )
        for _ in range(5)
    ]
    gevent.joinall(calls, raise_error=True)
    assert len({call.get().created_at for call in calls}) == 1
    assert history(database, user, conversation) == ["q"]


def test_a_second_turn_has_to_wait_and_leaves_nothing(
    database: Database, user: User, conversation: Conversation
) -> None:
    begin(database, user, message("q"), conversation_id=conversation.public_id)
    with pytest.raises(ConversationLocked):
        begin(database, user, message("r"), conversation_id=conversation.public_id)
    assert history(database, user, conversation) == ["q"]


def test_of_many_turns_at_once_one_begins(database: Database, user: User, conversation: Conversation) -> None:
    calls = [
        gevent.spawn(begin, database, user, message(str(number)), conversation_id=conversation.public_id)
        for number in range(20)
    ]
    gevent.joinall(calls)
    assert sum(call.successful() for call in calls) == 1
    assert len(history(database, user, conversation)) == 1


def test_what_it_refers_to_must_exist(
    database: Database, user: User, stranger: User, conversation: Conversation
) -> None:
    theirs = begin(database, stranger).public_id
    wrong: list[dict[str, Any]] = [
        {"conversation_id": "conv_x"},
        {"previous_response_id": "resp_x"},
        {"previous_response_id": theirs},
    ]
    for arguments in wrong:
        with pytest.raises(RecordNotFound):
            begin(database, user, message("q"), **arguments)
    with pytest.raises(RecordNotFound, match="item 'msg_x'"):
        begin(database, user, {"type": "item_reference", "id": "msg_x"}, conversation_id=conversation.public_id)
    begin(database, user, conversation_id=conversation.public_id)


def test_an_item_of_the_conversation_is_not_appended_again(
    database: Database, user: User, conversation: Conversation
) -> None:
    [item] = database.run(items.add, user.id, conversation.public_id, [message("old")])
    with pytest.raises(DuplicateItem):
        begin(database, user, item.data, message("new"), conversation_id=conversation.public_id)
    with pytest.raises(DuplicateItem):
        begin(database, user, {**message("other words"), "id": item.public_id}, conversation_id=conversation.public_id)
    assert history(database, user, conversation) == ["old"]


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_whoever_has_no_end_yet_is_running(database: Database, user: User, status: str) -> None:
    body = response_body(status=status)
    begun = database.run(responses.create, user.id, body, [], owner="a", lease_seconds=60, is_background=True)
    assert (begun.status, begun.is_background, begun.is_running) == (status, True, True)
    assert database.run(responses.heartbeat, "b", [begun.public_id], 60).lost == {begun.public_id}
    assert not complete(database, user, begun).is_running


# --- output ---------------------------------------------------------------------------------------------------------


def test_output_grows_in_its_place(database: Database, user: User, conversation: Conversation) -> None:
    begun = begin(database, user, message("q"), conversation_id=conversation.public_id)
    for text in ("T", "Te", "Tea"):
        growing = answer("msg_1", text, "in_progress")
        database.run(responses.save_output, user.id, begun.public_id, [growing])
        assert history(database, user, conversation) == ["q", text]
    database.run(
        responses.save_output,
        user.id,
        begun.public_id,
        [answer("msg_1", "Tea."), answer("msg_2", "More", "in_progress")],
    )
    complete(database, user, begun, answer("msg_1", "Tea."), answer("msg_2", "More."), answer("msg_3", "Last."))
    assert history(database, user, conversation) == ["q", "Tea.", "More.", "Last."]
    assert texts(database.run(responses.output_items, user.id, begun.public_id)) == ["Tea.", "More.", "Last."]
    statuses = [item.status for item in database.run(items.list_all, user.id, conversation.public_id)]
    assert statuses == [None, "completed", "completed", "completed"]


def test_the_end_comes_once(database: Database, user: User, conversation: Conversation) -> None:
    begun = begin(database, user, message("q"), conversation_id=conversation.public_id)
    ended = complete(database, user, begun, answer("msg_1", "A"))
    assert ended.status == "completed"
    assert not ended.is_running
    assert complete(database, user, begun, answer("msg_1", "A")) == ended
    with pytest.raises(ResponseEnded, match="completed"):
        complete(database, user, begun, answer("msg_1", "B"), status="cancelled")
    with pytest.raises(ResponseEnded):
        database.run(responses.save_output, user.id, begun.public_id, [answer("msg_2", "late")])
    with pytest.raises(ResponseEnded):
        database.run(responses.save_output, user.id, begun.public_id, [], events=[StoredEvent(0, "{}")])
    assert database.run(responses.events, user.id, begun.public_id) == []
    assert history(database, user, conversation) == ["q", "A"]
    assert database.run(responses.get, user.id, begun.public_id) == ended


def test_the_end_lets_the_next_turn_in(database: Database, user: User, conversation: Conversation) -> None:
    for turn in range(3):
        begun = begin(database, user, message(f"q{turn}"), conversation_id=conversation.public_id)
        complete(database, user, begun, answer(f"msg_{turn}", f"a{turn}"))
    assert history(database, user, conversation) == ["q0", "a0", "q1", "a1", "q2", "a2"]


def test_a_turn_outlives_its_conversation(database: Database, user: User, conversation: Conversation) -> None:
    begun = begin(database, user, message("q"), conversation_id=conversation.public_id)
    database.run(responses.save_output, user.id, begun.public_id, [answer("msg_1", "a", "in_progress")])
    database.run(conversations.delete, user.id, conversation.public_id)
    database.run(responses.save_output, user.id, begun.public_id, [answer("msg_2", "b", "in_progress")])
    complete(database, user, begun, answer("msg_1", "A"), answer("msg_2", "B"))
    assert texts(database.run(responses.output_items, user.id, begun.public_id)) == ["A", "B"]


def test_an_output_that_was_taken_out_of_the_conversation_stays_out(
    database: Database, user: User, conversation: Conversation
) -> None:
    begun = begin(database, user, message("q"), conversation_id=conversation.public_id)
    database.run(responses.save_output, user.id, begun.public_id, [answer("msg_1", "a", "in_progress")])
    database.run(items.delete, user.id, conversation.public_id, "msg_1")
    complete(database, user, begun, answer("msg_1", "A"))
    assert history(database, user, conversation) == ["q"]


def test_a_running_response_can_be_deleted(database: Database, user: User, conversation: Conversation) -> None:
    begun = begin(database, user, message("q"), conversation_id=conversation.public_id)
    database.run(responses.delete, user.id, begun.public_id)
    with pytest.raises(RecordNotFound, match="response"):
        database.run(responses.save_output, user.id, begun.public_id, [answer("msg_1", "a")])
    with pytest.raises(RecordNotFound, match="response"):
        complete(database, user, begun)
    assert history(database, user, conversation) == ["q"]
    begin(database, user, conversation_id=conversation.public_id)


def test_deleting_takes_items_along_that_nothing_else_has(
    database: Database, user: User, conversation: Conversation
) -> None:
    kept = begin(database, user, message("k", id="msg_k"), conversation_id=conversation.public_id)
    lone = begin(database, user, message("l", id="msg_l"), {"type": "item_reference", "id": "msg_k"})
    complete(database, user, lone, answer("msg_o", "o"))
    for one in (kept, lone):
        database.run(responses.delete, user.id, one.public_id)
        with pytest.raises(RecordNotFound):
            database.run(responses.get, user.id, one.public_id)
    assert list(database.run(items.find, user.id, ["msg_k", "msg_l", "msg_o"])) == ["msg_k"]


def test_another_users_response_does_not_exist(database: Database, user: User, stranger: User) -> None:
    mine = begin(database, user, message("q")).public_id
    calls: list[tuple[Any, ...]] = [
        (responses.get,),
        (responses.delete,),
        (responses.save_output, []),
        (responses.finish, "completed", {}, []),
        (responses.events,),
        (responses.chain,),
        (responses.input_items_page,),
        (responses.output_items,),
        (responses.request_cancel,),
    ]
    for function, *more in calls:
        with pytest.raises(RecordNotFound, match=f"response '{mine}'"):
            database.run(function, stranger.id, mine, *more)
    assert database.run(responses.get, user.id, mine).is_running


# --- events ---------------------------------------------------------------------------------------------------------


def test_events_are_read_from_any_point(database: Database, user: User) -> None:
    begun = begin(database, user, events=[StoredEvent(0, '{"b": 1, "a": " "}')])
    many = [StoredEvent(number, str(number)) for number in range(1, 260)]
    database.run(responses.save_output, user.id, begun.public_id, [], events=many)
    database.run(responses.save_output, user.id, begun.public_id, [], events=[StoredEvent(260, "260")])
    body = begun.body | {"status": "completed"}
    database.run(responses.finish, user.id, begun.public_id, "completed", body, [], events=[StoredEvent(261, "last")])
    stored = database.run(responses.events, user.id, begun.public_id)
    assert [event.sequence_number for event in stored] == list(range(262))
    assert stored[0].data == '{"b": 1, "a": " "}'
    assert database.run(responses.events, user.id, begun.public_id, after=259) == stored[260:]
    assert database.run(responses.events, user.id, begun.public_id, after=9, limit=3) == stored[10:13]
    assert database.run(responses.events, user.id, begun.public_id, after=261) == []


def test_events_and_output_may_be_stored_again_when_nobody_knows_whether_they_were(
    database: Database, user: User
) -> None:
    begun = begin(database, user)
    for _ in range(2):
        database.run(
            responses.save_output, user.id, begun.public_id, [answer("a", "A")], events=[StoredEvent(3, "three")]
        )
    assert database.run(responses.events, user.id, begun.public_id) == [StoredEvent(3, "three")]
    assert len(database.run(responses.output_items, user.id, begun.public_id)) == 1


# --- who lives ------------------------------------------------------------------------------------------------------


def test_a_heartbeat_tells_what_others_did(database: Database, user: User) -> None:
    fine, cancelled, ended, deleted = (begin(database, user) for _ in range(4))
    database.run(responses.request_cancel, user.id, cancelled.public_id)
    complete(database, user, ended)
    database.run(responses.delete, user.id, deleted.public_id)
    ids = [one.public_id for one in (fine, cancelled, ended, deleted)]
    beat = database.run(responses.heartbeat, "worker", ids, 60)
    assert beat.lost == {ended.public_id, deleted.public_id}
    assert beat.cancel_requested == {cancelled.public_id}
    assert database.run(responses.heartbeat, "another", ids, 60).lost == set(ids)
    assert database.run(responses.heartbeat, "worker", [], 60).lost == set()


def test_a_heartbeat_keeps_response_and_lock(database: Database, user: User, conversation: Conversation) -> None:
    begun = begin(database, user, conversation_id=conversation.public_id, lease_seconds=-1)
    assert not database.run(responses.heartbeat, "worker", [begun.public_id], 60).lost
    assert database.run(responses.reap_expired) == []
    with pytest.raises(ConversationLocked):
        begin(database, user, conversation_id=conversation.public_id)


def test_cancelling_is_asked_for_once_it_runs(database: Database, user: User) -> None:
    begun = begin(database, user)
    assert not database.run(responses.get, user.id, begun.public_id).is_cancel_requested
    assert database.run(responses.request_cancel, user.id, begun.public_id).is_cancel_requested
    assert database.run(responses.get, user.id, begun.public_id).is_cancel_requested
    complete(database, user, begun, status="cancelled")
    other = complete(database, user, begin(database, user))
    assert not database.run(responses.request_cancel, user.id, other.public_id).is_cancel_requested


# --- chains ---------------------------------------------------------------------------------------------------------


def turn(database: Database, user: User, text: str, **more: Any) -> str:
    begun = begin(database, user, message(text), **more)
    return complete(database, user, begun, answer(f"msg_{text}", text.upper())).public_id


def test_a_chain_is_all_that_was_said(database: Database, user: User) -> None:
    last = None
    for text in ("a", "b", "c"):
        last = turn(database, user, text, previous_response_id=last)
    assert last is not None
    assert texts(database.run(responses.chain, user.id, last)) == ["a", "A", "b", "B", "c", "C"]


def test_a_chain_can_branch(database: Database, user: User) -> None:
    root = turn(database, user, "a")
    left, right = (turn(database, user, text, previous_response_id=root) for text in ("l", "r"))
    assert texts(database.run(responses.chain, user.id, left)) == ["a", "A", "l", "L"]
    assert texts(database.run(responses.chain, user.id, right)) == ["a", "A", "r", "R"]


def test_a_chain_with_a_hole_is_refused(database: Database, user: User) -> None:
    first = turn(database, user, "a")
    second = turn(database, user, "b", previous_response_id=first)
    database.run(responses.delete, user.id, first)
    with pytest.raises(RecordNotFound, match=f"response '{first}'"):
        database.run(responses.chain, user.id, second)


def test_a_chain_from_a_conversation_has_what_was_in_it_then(
    database: Database, user: User, conversation: Conversation
) -> None:
    turn(database, user, "a", conversation_id=conversation.public_id)
    second = turn(database, user, "b", conversation_id=conversation.public_id)
    turn(database, user, "c", conversation_id=conversation.public_id)
    third = turn(database, user, "d", previous_response_id=second)
    assert texts(database.run(responses.chain, user.id, third)) == ["a", "A", "b", "B", "d", "D"]


def test_a_long_chain_is_in_order(database: Database, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "MAX_VALUES", 25)
    last = None
    for number in range(60):
        last = begin(database, user, message(str(number)), previous_response_id=last).public_id
    assert last is not None
    assert texts(database.run(responses.chain, user.id, last)) == [str(number) for number in range(60)]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_input_items_are_paged(database: Database, user: User, order: Any) -> None:
    begun = begin(database, user, *(message(text) for text in "abcde"))
    first = database.run(responses.input_items_page, user.id, begun.public_id, limit=2, order=order)
    after = first.data[-1].public_id
    second = database.run(responses.input_items_page, user.id, begun.public_id, after=after, limit=3, order=order)
    assert (first.has_more, second.has_more) == (True, False)
    met = texts([*first.data, *second.data])
    assert met == (list("abcde") if order == "asc" else list("edcba"))
    with pytest.raises(RecordNotFound, match="item 'msg_x'"):
        database.run(responses.input_items_page, user.id, begun.public_id, after="msg_x")


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_paging_through_an_input_that_refers_twice_to_an_item_ends(
    database: Database, user: User, conversation: Conversation, order: Any
) -> None:
    [one] = database.run(items.add, user.id, conversation.public_id, [message("this")])
    reference = {"type": "item_reference", "id": one.public_id}
    begun = begin(database, user, reference, message("and"), reference)
    pages: list[Page[StoredItem]] = []
    after: str | None = None
    while len(pages) < 4:
        page = database.run(responses.input_items_page, user.id, begun.public_id, after=after, limit=1, order=order)
        pages.append(page)
        if not page.has_more:
            break
        after = page.data[-1].public_id
    assert not pages[-1].has_more


def test_what_is_kept_without_a_turn_begins_a_chain_of_its_own(database: Database, user: User, stranger: User) -> None:
    body = {"id": "resp_c", "object": "response.compaction", "created_at": 5, "output": []}
    for _ in range(2):
        database.run(responses.keep, user.id, body, [message("so far", id="cmp_1")])
    stored = database.run(responses.get, user.id, "resp_c")
    assert (stored.body, stored.is_running, stored.created_at) == (body, False, 5)
    assert database.run(responses.reap_expired) == []
    assert [item["id"] for item in database.run(responses.chain, user.id, "resp_c")] == ["cmp_1"]
    with pytest.raises(RecordNotFound):
        database.run(responses.get, stranger.id, "resp_c")
    database.run(responses.delete, user.id, "resp_c")
    assert database.run(items.find, user.id, ["cmp_1"]) == {}
