from __future__ import annotations

import gevent

from storage import keys, users
from storage.db.database import Database
from storage.first_key import ADMIN_NAME, make_first_key


def test_a_new_server_gets_an_admin_with_a_key(database: Database) -> None:
    secret = database.run(make_first_key, "first")
    assert secret is not None
    found = database.run(keys.authenticate, secret)
    assert found is not None
    assert (found[0].name, found[0].is_admin, found[1].name) == (ADMIN_NAME, True, "first")


def test_it_is_made_once_whatever_becomes_of_it(database: Database) -> None:
    database.run(make_first_key, "first")
    (key,) = database.run(keys.list_all)
    database.run(keys.revoke, key.public_id)
    assert database.run(make_first_key, "second") is None
    assert len(database.run(keys.list_all)) == 1


def test_many_workers_that_start_together_make_one(url: str) -> None:
    databases = [Database(url, pool_size=2) for _ in range(4)]
    greenlets = [gevent.spawn(database.run, make_first_key, "first") for database in databases for _ in range(2)]
    gevent.joinall(greenlets, raise_error=True)
    assert len([greenlet for greenlet in greenlets if greenlet.value is not None]) == 1
    assert [user.name for user in databases[0].run(users.list_all)] == [ADMIN_NAME]
    for database in databases:
        database.close()


def test_where_somebody_has_a_key_already_none_is_made(database: Database) -> None:
    alice = database.run(users.create, "alice")
    database.run(keys.create, alice.id, "by hand")
    assert database.run(make_first_key, "first") is None
    assert [user.name for user in database.run(users.list_all)] == ["alice"]


def test_whoever_a_proxy_once_called_admin_does_not_become_one(database: Database) -> None:
    database.run(users.get_or_create, ADMIN_NAME)
    assert database.run(make_first_key, "first") is None
    assert not database.run(users.get_by_name, ADMIN_NAME).is_admin
    assert not database.run(keys.has_any)
