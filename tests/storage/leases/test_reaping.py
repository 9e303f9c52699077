"""What becomes of responses whose worker died."""

from __future__ import annotations

import gevent
import msgspec
import pytest

from storage import conversations, items, responses
from storage.db.database import Database
from storage.errors import ConversationLocked, ResponseEnded
from storage.leases import workers
from storage.leases.reaping import MESSAGE, NUMBERS_LEFT_FREE
from storage.records import StoredEvent, User
from tests.storage.helpers import answer, begin, complete, message, texts


def test_what_was_generated_is_kept_as_incomplete(database: Database, user: User) -> None:
    conversation = database.run(conversations.create, user.id)
    dead = begin(database, user, message("q"), conversation_id=conversation.public_id, lease_seconds=-1)
    outputs = [answer("msg_1", "done"), answer("msg_2", "hal", "in_progress")]
    database.run(responses.save_output, user.id, dead.public_id, outputs)
    [reaped] = database.run(responses.reap_expired)
    assert reaped.status == reaped.body["status"] == "incomplete"
    assert [item["status"] for item in reaped.body["output"]] == ["completed", "incomplete"]
    assert reaped.body["error"] == {"code": "server_error", "message": MESSAGE}
    held = database.run(items.list_all, user.id, conversation.public_id)
    assert texts(held) == ["q", "done", "hal"]
    assert [item.status for item in held] == [None, "completed", "incomplete"]
    assert database.run(responses.reap_expired) == []
    begin(database, user, conversation_id=conversation.public_id)


def test_a_response_without_output_failed(database: Database, user: User) -> None:
    begin(database, user, message("q"), lease_seconds=-1)
    [reaped] = database.run(responses.reap_expired)
    assert (reaped.status, reaped.body["output"]) == ("failed", [])


def test_one_that_was_to_be_cancelled_is(database: Database, user: User) -> None:
    dead = begin(database, user, lease_seconds=-1)
    database.run(responses.request_cancel, user.id, dead.public_id)
    [reaped] = database.run(responses.reap_expired)
    assert (reaped.status, reaped.body.get("error")) == ("cancelled", None)


def test_whoever_reads_it_ends_it(database: Database, user: User) -> None:
    dead = begin(database, user, lease_seconds=-1)
    assert database.run(responses.get, user.id, dead.public_id).status == "failed"
    assert database.run(responses.reap_expired) == []


def test_a_worker_of_this_machine_is_seen_to_be_dead_before_its_lease_runs_out(
    database: Database, user: User, dead_worker: str
) -> None:
    conversation = database.run(conversations.create, user.id)
    begin(database, user, owner=dead_worker)
    begin(database, user, owner=workers.own_name())
    noticed = begin(database, user, owner=dead_worker)
    assert database.run(responses.get, user.id, noticed.public_id).status == "failed"
    assert len(database.run(responses.reap_expired)) == 1
    held = begin(database, user, message("q"), owner=dead_worker, conversation_id=conversation.public_id)
    begin(database, user, message("r"), owner=workers.own_name(), conversation_id=conversation.public_id)
    assert database.run(responses.get, user.id, held.public_id).status == "failed"
    with pytest.raises(ConversationLocked):
        begin(database, user, message("s"), owner="x", conversation_id=conversation.public_id)


def test_a_worker_that_is_seen_to_live_may_be_late(database: Database, user: User) -> None:
    """The database was away for longer than its lease."""
    conversation = database.run(conversations.create, user.id)
    late = begin(database, user, owner=workers.own_name(), conversation_id=conversation.public_id, lease_seconds=-1)
    assert database.run(responses.reap_expired) == []
    assert database.run(responses.get, user.id, late.public_id).is_running
    with pytest.raises(ConversationLocked):
        begin(database, user, conversation_id=conversation.public_id)
    assert complete(database, user, late, answer("msg_1", "a")).status == "completed"


def test_the_living_are_left_alone(database: Database, user: User) -> None:
    living, ended = begin(database, user), begin(database, user)
    complete(database, user, ended)
    assert database.run(responses.reap_expired) == []
    assert database.run(responses.get, user.id, living.public_id).is_running


def test_followers_get_a_last_event(database: Database, user: User) -> None:
    dead = begin(database, user, lease_seconds=-1, events=[StoredEvent(0, "{}"), StoredEvent(1, "{}")])
    [reaped] = database.run(responses.reap_expired)
    *_, last = database.run(responses.events, user.id, dead.public_id)
    event = msgspec.json.decode(last.data)
    assert last.sequence_number == event["sequence_number"] == 1 + NUMBERS_LEFT_FREE
    assert event["type"] == "response.failed"
    assert event["response"] == reaped.body


def test_followers_of_a_cancelled_response_get_a_last_event(database: Database, user: User) -> None:
    dead = begin(database, user, lease_seconds=-1, events=[StoredEvent(0, "{}")])
    database.run(responses.request_cancel, user.id, dead.public_id)
    database.run(responses.reap_expired)
    *_, last = database.run(responses.events, user.id, dead.public_id)
    assert msgspec.json.decode(last.data)["type"] == "response.incomplete"


def test_followers_who_have_seen_more_than_is_stored_get_the_last_event_too(database: Database, user: User) -> None:
    dead = begin(database, user, lease_seconds=-1, events=[StoredEvent(1, "{}")])
    database.run(responses.reap_expired)
    (last,) = database.run(responses.events, user.id, dead.public_id, 146)
    assert database.run(responses.events, user.id, dead.public_id, last.sequence_number) == []


def test_a_worker_that_was_only_slow_finds_out(database: Database, user: User) -> None:
    slow = begin(database, user, lease_seconds=-1)
    database.run(responses.reap_expired)
    with pytest.raises(ResponseEnded, match="failed"):
        database.run(responses.save_output, user.id, slow.public_id, [answer("msg_1", "a")])
    with pytest.raises(ResponseEnded):
        complete(database, user, slow, answer("msg_1", "a"))
    assert database.run(responses.heartbeat, "worker", [slow.public_id], 60).lost == {slow.public_id}
    assert database.run(responses.output_items, user.id, slow.public_id) == []


def test_many_reapers_end_each_once(database: Database, user: User) -> None:
    conversation = database.run(conversations.create, user.id)
    begin(database, user, conversation_id=conversation.public_id, lease_seconds=-1)
    for _ in range(9):
        begin(database, user, lease_seconds=-1, events=[StoredEvent(0, "{}")])
    reapers = [gevent.spawn(database.run, responses.reap_expired) for _ in range(8)]
    takers = [gevent.spawn(begin, database, user, conversation_id=conversation.public_id) for _ in range(4)]
    gevent.joinall(reapers, raise_error=True)
    gevent.joinall(takers)
    reaped = [response.public_id for reaper in reapers for response in reaper.get()]
    assert len(reaped) == len(set(reaped))
    assert sum(taker.successful() for taker in takers) == 1
    assert database.run(responses.reap_expired) == []
