"""API keys."""

from __future__ import annotations

import time

import gevent
import pytest

from storage import keys, users
from storage.db.database import Database
from storage.db.sql import execute
from storage.errors import RecordNotFound
from storage.records import ApiKey, User


def test_a_secret_opens_and_is_not_stored(database: Database, user: User) -> None:
    key, secret = database.run(keys.create, user.id, "laptop")
    assert secret.startswith(key.prefix)
    assert len(secret) > 50
    assert database.run(keys.authenticate, secret) == (user, key)
    stored = database.run(lambda db: [str(tuple(row)) for row in db.select("SELECT * FROM api_keys")])
    assert secret not in stored[0]
    assert secret[len(key.prefix) :] not in stored[0]


@pytest.mark.parametrize("secret", ["", "sk-parley-wrong", "\ud800", "%s", "x" * 100_000])
def test_another_secret_does_not(database: Database, user: User, secret: str) -> None:
    database.run(keys.create, user.id, "laptop")
    assert database.run(keys.authenticate, secret) is None


def test_an_expired_key_does_not_open(database: Database, user: User) -> None:
    _, expired = database.run(keys.create, user.id, "old", expires_at=int(time.time()) - 1)
    _, fresh = database.run(keys.create, user.id, "new", expires_at=int(time.time()) + 1000)
    assert database.run(keys.authenticate, expired) is None
    assert database.run(keys.authenticate, fresh) is not None


def test_a_revoked_key_does_not_open_and_stays_listed(database: Database, user: User) -> None:
    key, secret = database.run(keys.create, user.id, "lost")
    revoked = database.run(keys.revoke, key.public_id)
    assert revoked.revoked_at is not None
    assert database.run(keys.authenticate, secret) is None
    assert database.run(keys.revoke, key.public_id) == revoked
    assert database.run(keys.list_for, user.id) == [revoked]
    with pytest.raises(RecordNotFound, match="key 'key_x'"):
        database.run(keys.revoke, "key_x")


def test_a_disabled_users_key_does_not_open(database: Database, user: User) -> None:
    _, secret = database.run(keys.create, user.id, "laptop")
    database.run(users.set_disabled, user.name, True)
    assert database.run(keys.authenticate, secret) is None


def test_keys_are_listed_per_user_and_for_all(database: Database, user: User, stranger: User) -> None:
    assert not database.run(keys.has_any)
    mine, _ = database.run(keys.create, user.id, "mine")
    theirs, _ = database.run(keys.create, stranger.id, "")
    assert database.run(keys.list_for, user.id) == [mine]
    assert database.run(keys.list_all) == [mine, theirs]
    assert database.run(keys.has_any)


def test_the_last_use_is_noted_once_a_minute(database: Database, user: User) -> None:
    key, secret = database.run(keys.create, user.id, "laptop")
    gevent.joinall([gevent.spawn(database.run, keys.note_use, key.id) for _ in range(20)], raise_error=True)
    [used] = database.run(keys.list_all)
    assert used.last_used_at == pytest.approx(time.time(), abs=60)
    _set_last_use(database, int(time.time()) - 50)
    assert not keys.is_use_to_be_noted(_authenticated(database, secret))
    _set_last_use(database, int(time.time()) - 61)
    assert keys.is_use_to_be_noted(_authenticated(database, secret))
    database.run(keys.note_use, key.id)
    [noted] = database.run(keys.list_all)
    assert noted.last_used_at == pytest.approx(time.time(), abs=20)
    assert noted.id == key.id


def _authenticated(database: Database, secret: str) -> ApiKey:
    found = database.run(keys.authenticate, secret)
    assert found is not None
    return found[1]


def _set_last_use(database: Database, seconds: int) -> None:
    database.run(lambda db: execute(db, "UPDATE api_keys SET last_used_at = $seconds", seconds=seconds))
