"""Saved prompts, their names and versions."""

from __future__ import annotations

from typing import Any

import gevent
import pytest

from storage import prompts
from storage.db.database import Database
from storage.errors import DuplicatePrompt, RecordNotFound
from storage.records import PromptVersion, User


def test_a_prompt_comes_back_as_it_went_in(database: Database, user: User) -> None:
    created = database.run(prompts.create, user.id, "ü🙂", "  text\n")
    assert (created.name, created.text, created.version) == ("ü🙂", "  text\n", 1)
    assert created.public_id.startswith("pmpt_")
    assert database.run(prompts.get, user.id, created.public_id) == created


def test_another_text_is_a_new_version_and_another_name_is_not(database: Database, user: User) -> None:
    public_id = database.run(prompts.create, user.id, "a", "one").public_id
    assert database.run(prompts.update, user.id, public_id, text="two").version == 2
    renamed = database.run(prompts.update, user.id, public_id, name="b")
    assert (renamed.name, renamed.text, renamed.version) == ("b", "two", 2)
    assert database.run(prompts.update, user.id, public_id, name="b", text="two").version == 2
    first = database.run(prompts.get, user.id, public_id, 1)
    assert (first.name, first.text, first.version) == ("b", "one", 1)
    with pytest.raises(RecordNotFound, match="version"):
        database.run(prompts.get, user.id, public_id, 3)


def test_versions_are_listed(database: Database, user: User) -> None:
    public_id = database.run(prompts.create, user.id, "a", "1").public_id
    for text in ("2", "3"):
        database.run(prompts.update, user.id, public_id, text=text)
    page = database.run(prompts.versions_page, user.id, public_id, limit=2)
    assert ([one.version for one in page.data], page.has_more) == ([3, 2], True)
    [last] = database.run(prompts.versions_page, user.id, public_id, limit=2, after=2).data
    assert last == PromptVersion(1, "1", last.created_at)
    page = database.run(prompts.versions_page, user.id, public_id, order="asc", after=1)
    assert [one.text for one in page.data] == ["2", "3"]


def test_a_name_is_ones_only_one(database: Database, user: User, stranger: User) -> None:
    first = database.run(prompts.create, user.id, "a", "1").public_id
    second = database.run(prompts.create, user.id, "b", "2").public_id
    database.run(prompts.create, stranger.id, "a", "3")
    with pytest.raises(DuplicatePrompt, match="'a'"):
        database.run(prompts.create, user.id, "a", "4")
    with pytest.raises(DuplicatePrompt):
        database.run(prompts.update, user.id, second, name="a", text="5")
    assert database.run(prompts.get, user.id, second).text == "2"
    database.run(prompts.delete, user.id, first)
    assert database.run(prompts.update, user.id, second, name="a").name == "a"


def test_of_many_at_once_with_one_name_one_is_saved(database: Database, user: User) -> None:
    def create() -> bool:
        try:
            database.run(prompts.create, user.id, "a", "1")
        except DuplicatePrompt:
            return False
        return True

    calls = [gevent.spawn(create) for _ in range(10)]
    gevent.joinall(calls, raise_error=True)
    assert sum(call.get() for call in calls) == 1


def test_versions_of_many_at_once_are_all_there(database: Database, user: User) -> None:
    public_id = database.run(prompts.create, user.id, "a", "0").public_id
    calls = [gevent.spawn(database.run, prompts.update, user.id, public_id, text=str(n)) for n in range(1, 11)]
    gevent.joinall(calls, raise_error=True)
    found = database.run(prompts.versions_page, user.id, public_id, order="asc").data
    assert [one.version for one in found] == list(range(1, 12))
    assert {one.text for one in found} == {str(n) for n in range(11)}


def test_prompts_have_pages(database: Database, user: User, stranger: User) -> None:
    made = [database.run(prompts.create, user.id, str(number), "x").public_id for number in range(5)]
    database.run(prompts.create, stranger.id, "x", "x")
    for order, expected in (("desc", made[::-1]), ("asc", made)):
        seen: list[str] = []
        more: dict[str, Any] = {"order": order, "limit": 2}
        while True:
            page = database.run(prompts.list_page, user.id, after=seen[-1] if seen else None, **more)
            seen += [one.public_id for one in page.data]
            if not page.has_more:
                break
        assert seen == expected


def test_another_users_prompt_does_not_exist(database: Database, user: User, stranger: User) -> None:
    public_id = database.run(prompts.create, user.id, "a", "1").public_id
    calls: list[tuple[Any, ...]] = [(prompts.get,), (prompts.update, "b"), (prompts.delete,), (prompts.versions_page,)]
    for function, *more in calls:
        with pytest.raises(RecordNotFound, match=f"prompt '{public_id}'"):
            database.run(function, stranger.id, public_id, *more)
    with pytest.raises(RecordNotFound):
        database.run(prompts.list_page, stranger.id, after=public_id)
    assert database.run(prompts.get, user.id, public_id).name == "a"


def test_a_deleted_prompt_is_gone_with_its_versions(database: Database, user: User) -> None:
    public_id = database.run(prompts.create, user.id, "a", "1").public_id
    database.run(prompts.update, user.id, public_id, text="2")
    database.run(prompts.delete, user.id, public_id)
    with pytest.raises(RecordNotFound):
        database.run(prompts.get, user.id, public_id)
    assert database.run(lambda db: db.select("SELECT count(*) FROM prompt_versions")) == [0]
