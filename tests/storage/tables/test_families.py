"""Lineage: where a conversation was forked from, and the family that it belongs to."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import gevent
import pytest

from storage import conversations, items
from storage.db.address import parse_address
from storage.db.database import Database
from storage.db.schema import migrate
from storage.errors import RecordNotFound
from storage.records import Conversation, Fork, User
from tests.live_server import CHECKOUT
from tests.storage.helpers import begin, complete, lock, message, texts

MIGRATIONS = CHECKOUT / "storage" / "db" / "migrations"


def create(database: Database, user: User, *said: str) -> Conversation:
    return database.run(conversations.create, user.id, None, [message(text, id=f"msg_{text}") for text in said])


def fork(database: Database, user: User, source: Conversation, *args: Any, **kwargs: Any) -> Conversation:
    return database.run(conversations.fork, user.id, source.public_id, *args, **kwargs)


def again(database: Database, user: User, one: Conversation) -> Conversation:
    return database.run(conversations.get, user.id, one.public_id)


def listed(database: Database, user: User, **more: Any) -> list[str]:
    return [one.public_id for one in database.run(conversations.list_page, user.id, **more).data]


def roots(database: Database, user: User, limit: int = 10, **more: Any) -> list[str]:
    ids: list[str] = []
    while True:
        page = database.run(conversations.roots_page, user.id, limit=limit, after=ids[-1] if ids else None, **more)
        ids += [root.public_id for root in page.data]
        if not page.has_more:
            return ids


def test_a_conversation_is_its_own_root(database: Database, user: User) -> None:
    created = create(database, user, "a")
    assert (created.root_id, created.forked_from) == (created.public_id, None)
    assert again(database, user, created) == created


def test_a_fork_knows_its_source_the_last_shared_item_and_the_root(database: Database, user: User) -> None:
    root = create(database, user, "a", "b", "c")
    first = fork(database, user, root, "msg_b")
    second = fork(database, user, first)
    assert first.forked_from == Fork(root.public_id, "msg_b", 2)
    assert second.forked_from == Fork(first.public_id, "msg_b", 2)
    assert {first.root_id, second.root_id} == {root.public_id}
    assert [again(database, user, one) for one in (first, second)] == [first, second]


def test_a_fork_may_end_before_an_item(database: Database, user: User) -> None:
    root = create(database, user, "a", "b", "c")
    forked = fork(database, user, root, before="msg_c")
    assert forked.forked_from == Fork(root.public_id, "msg_b", 2)
    assert texts(database.run(items.list_all, user.id, forked.public_id)) == ["a", "b"]
    empty = fork(database, user, root, before="msg_a")
    assert empty.forked_from == Fork(root.public_id, None, 0)
    database.run(items.add, user.id, empty.public_id, [message("other")])
    assert texts(database.run(items.list_all, user.id, empty.public_id)) == ["other"]
    with pytest.raises(RecordNotFound, match="item 'msg_x'"):
        fork(database, user, root, before="msg_x")


def test_forks_and_families_are_listed(database: Database, user: User, stranger: User) -> None:
    root, other = create(database, user, "a"), create(database, user, "b")
    first = fork(database, user, root)
    second = fork(database, user, first)
    assert listed(database, user, forked_from=root.public_id) == [first.public_id]
    assert listed(database, user, forked_from=first.public_id) == [second.public_id]
    assert listed(database, user, root=root.public_id) == [second.public_id, first.public_id, root.public_id]
    assert listed(database, user, root=root.public_id, order="asc", after=root.public_id, limit=1) == [first.public_id]
    assert listed(database, user, root=first.public_id) == []
    assert listed(database, user, root=other.public_id) == [other.public_id]
    for name in ("root", "forked_from"):
        with pytest.raises(RecordNotFound):
            listed(database, stranger, **{name: root.public_id})


def test_roots_are_listed_by_the_newest_activity_of_their_families(database: Database, user: User) -> None:
    one, two, three = (create(database, user, text) for text in "abc")
    assert roots(database, user, 1) == [three.public_id, two.public_id, one.public_id]
    forked = fork(database, user, one)
    assert roots(database, user, 2) == [one.public_id, three.public_id, two.public_id]
    database.run(items.add, user.id, two.public_id, [message("x")])
    assert roots(database, user, 1) == [two.public_id, one.public_id, three.public_id]
    database.run(items.add, user.id, forked.public_id, [message("y")])
    assert roots(database, user, 1) == [one.public_id, two.public_id, three.public_id]
    assert roots(database, user, 1, order="asc") == [three.public_id, two.public_id, one.public_id]
    with pytest.raises(RecordNotFound):
        database.run(conversations.roots_page, user.id, after=forked.public_id)


def test_a_turn_in_a_fork_moves_its_family(database: Database, user: User) -> None:
    one, two = create(database, user, "a"), create(database, user, "b")
    forked = fork(database, user, one)
    begun = begin(database, user, message("more"), conversation_id=two.public_id)
    assert roots(database, user) == [two.public_id, one.public_id]
    complete(database, user, begun)
    complete(database, user, begin(database, user, message("more"), conversation_id=forked.public_id))
    assert roots(database, user) == [one.public_id, two.public_id]


def test_a_root_tells_of_its_family(database: Database, user: User) -> None:
    root, _ = create(database, user, "a"), create(database, user, "b")
    forked = fork(database, user, root)
    lock(database, user, forked.public_id, "resp_1")  # a lock without a response is nothing that could be followed
    running = begin(database, user, message("q"), conversation_id=root.public_id)
    first, second = database.run(conversations.roots_page, user.id).data
    assert first.family is not None
    assert second.family is not None
    assert first.family.num_conversations == 2
    assert first.family.newest_conversation_id == root.public_id
    assert first.family.updated_at >= root.updated_at
    assert first.family.active_response_ids == (running.public_id,)
    assert (second.family.num_conversations, second.family.active_response_ids) == (1, ())
    assert second.family.newest_conversation_id == second.public_id
    assert database.run(conversations.list_page, user.id).data[0].family is None


def test_forks_outlive_what_they_were_forked_from(database: Database, user: User) -> None:
    root = create(database, user, "a")
    middle = fork(database, user, root)
    leaf = fork(database, user, middle)
    database.run(conversations.delete, user.id, middle.public_id)
    left = again(database, user, leaf)
    assert (left.forked_from, left.root_id) == (None, root.public_id)
    assert texts(database.run(items.list_all, user.id, leaf.public_id)) == ["a"]


def test_the_oldest_of_those_left_is_the_next_root(database: Database, user: User) -> None:
    root, other = create(database, user, "a"), create(database, user, "b")
    first, second = fork(database, user, root), fork(database, user, root)
    third = fork(database, user, second)
    database.run(items.add, user.id, other.public_id, [message("newest")])
    database.run(conversations.delete, user.id, root.public_id)
    assert roots(database, user, 1) == [other.public_id, first.public_id]
    assert [again(database, user, one).root_id for one in (first, second, third)] == [first.public_id] * 3
    assert again(database, user, second).forked_from is None
    assert again(database, user, third).forked_from == Fork(second.public_id, "msg_a", 1)


def test_a_family_is_as_new_as_those_who_are_left(database: Database, user: User) -> None:
    root, other = create(database, user, "a"), create(database, user, "b")
    newest = fork(database, user, root)
    assert roots(database, user) == [root.public_id, other.public_id]
    database.run(conversations.delete, user.id, newest.public_id)
    assert roots(database, user) == [other.public_id, root.public_id]


def test_a_family_is_deleted_together(database: Database, user: User, stranger: User) -> None:
    root, other = create(database, user, "a"), create(database, user, "b")
    forked = fork(database, user, root)
    leaf = fork(database, user, forked)
    with pytest.raises(RecordNotFound):
        database.run(conversations.delete, stranger.id, forked.public_id, with_family=True)
    [kept] = database.run(items.add, user.id, leaf.public_id, [message("kept")])
    taken = {"type": "item_reference", "id": kept.public_id}
    database.run(items.add, user.id, other.public_id, [taken])
    database.run(conversations.delete, user.id, forked.public_id, with_family=True)
    assert listed(database, user) == [other.public_id]
    assert set(database.run(items.find, user.id, ["msg_a", "msg_b", kept.public_id])) == {"msg_b", kept.public_id}


def test_forks_that_are_made_while_their_family_is_deleted_are_in_a_family_or_not_made(
    database: Database, user: User
) -> None:
    for with_family in (False, True):
        root = create(database, user)
        calls = [gevent.spawn(_try_to_fork, database, user, root) for _ in range(12)]
        deleting = gevent.spawn(database.run, conversations.delete, user.id, root.public_id, with_family=with_family)
        gevent.joinall([*calls, deleting], raise_error=True)
        made = [one for call in calls if (one := call.get()) is not None]
        left = database.run(conversations.list_page, user.id, limit=100).data
        assert with_family or {one.public_id for one in left} == {one.public_id for one in made}
        roots_left = {one.root_id for one in left}
        assert roots_left <= {one.public_id for one in left}
        assert len(roots_left) <= 1
        if left:
            database.run(conversations.delete, user.id, left[0].public_id, with_family=True)
        assert listed(database, user) == []


def _try_to_fork(database: Database, user: User, root: Conversation) -> Conversation | None:
    try:
        return fork(database, user, root)
    except RecordNotFound:
        return None


def test_conversations_from_before_there_were_families_are_roots(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    for path in sorted(MIGRATIONS.glob("m000[1-3]_*.py")):
        (old / path.name).write_text(path.read_text())
    url = f"sqlite:///{tmp_path / 'parley.db'}"
    migrate(parse_address(url), str(old))
    with sqlite3.connect(tmp_path / "parley.db") as connection:
        connection.execute("INSERT INTO users VALUES (1, 'user_1', 'ada', 0, 0, 0, 5)")
        connection.execute(
            "INSERT INTO conversations (id, public_id, user_id, metadata, created_at, active_at, next_position)"
            " VALUES (7, 'conv_7', 1, '{}', 5, 6000000, 0)"
        )
    database = Database(url)
    [found] = database.run(conversations.roots_page, 1).data
    assert (found.root_id, found.forked_from, found.updated_at) == ("conv_7", None, 6)
    assert found.family is not None
    assert found.family.updated_at == 6
    database.close()
