"""Users."""

from __future__ import annotations

import gevent
import pytest

from storage import users
from storage.db.database import Database
from storage.errors import DuplicateName, RecordNotFound
from storage.records import User


def test_a_user_is_found_by_name(database: Database, user: User) -> None:
    assert database.run(users.get_by_name, "ada") == user
    assert (user.name, user.is_admin, user.is_disabled) == ("ada", False, False)
    assert user.public_id.startswith("user_")


def test_a_name_is_taken_once(database: Database, user: User) -> None:
    with pytest.raises(DuplicateName, match="'ada'"):
        database.run(users.create, "ada")


def test_an_unknown_name_is_not_found(database: Database) -> None:
    with pytest.raises(RecordNotFound, match="user 'nobody'"):
        database.run(users.get_by_name, "nobody")


def test_names_keep_case_white_space_and_emoji(database: Database) -> None:
    names = ["Ada", "ada", " ada ", "a'da\"; DROP TABLE users; --", "åda 👩🏽‍💻", "50% $name"]
    for name in names:
        database.run(users.create, name)
    assert [user.name for user in database.run(users.list_all)] == names
    assert [database.run(users.get_by_name, name).name for name in names] == names


def test_many_at_once_get_the_same_new_user(database: Database) -> None:
    calls = [gevent.spawn(database.run, users.get_or_create, "new") for _ in range(30)]
    gevent.joinall(calls, raise_error=True)
    assert len({call.get().id for call in calls}) == 1
    assert [user.name for user in database.run(users.list_all)] == ["new"]


def test_of_many_who_create_one_name_at_once_one_succeeds(database: Database) -> None:
    calls = [gevent.spawn(database.run, users.create, "new") for _ in range(20)]
    gevent.joinall(calls)
    assert [type(call.exception) for call in calls if not call.successful()] == [DuplicateName] * 19


def test_a_user_is_disabled_and_enabled(database: Database, user: User) -> None:
    assert database.run(users.set_disabled, "ada", True).is_disabled
    assert database.run(users.get_by_name, "ada").is_disabled
    assert not database.run(users.set_disabled, "ada", False).is_disabled
    with pytest.raises(RecordNotFound):
        database.run(users.set_disabled, "nobody", True)


def test_the_local_user_is_one_admin_that_no_name_reaches(database: Database) -> None:
    local = database.run(users.local_user)
    assert database.run(users.local_user) == local
    assert local.is_admin
    assert database.run(users.get_or_create, local.name).id != local.id
    assert local not in database.run(users.list_all)


def test_an_admin_is_noted_as_one(database: Database, user: User) -> None:
    assert database.run(users.create, "root", is_admin=True).is_admin
    assert [user.is_admin for user in database.run(users.list_all)] == [False, True]
