"""API keys: 32 random bytes that are shown once. Only their hash is stored, which is enough to recognise them by.

No salt and no slow hash: nobody can guess 256 bits, and every request is authenticated.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from pony import orm
from pony.orm import Database as Db

from storage.db import sql
from storage.db.clock import now_seconds
from storage.db.session import writes, writes_for_now
from storage.errors import RecordNotFound
from storage.ids import new_id
from storage.records import ApiKey, User

SECRET_PREFIX = "sk-parley-"
NUM_RANDOM_BYTES = 32
NUM_SHOWN = len(SECRET_PREFIX) + 4
LAST_USE_SECONDS = 60
"""Age that `last_used_at` may have before it is written again."""


@writes
def create(db: Db, user_id: int, name: str, expires_at: int | None = None) -> tuple[ApiKey, str]:
    """A new key and its secret, which cannot be had again."""
    secret = SECRET_PREFIX + secrets.token_urlsafe(NUM_RANDOM_BYTES)
    key = db.ApiKey(
        public_id=new_id("key"),
        user_id=user_id,
        name=name,
        prefix=secret[:NUM_SHOWN],
        secret_hash=hash_of(secret),
        created_at=now_seconds(),
        expires_at=expires_at,
    )
    orm.flush()
    return _get(db, key.public_id), secret


def authenticate(db: Db, secret: str) -> tuple[User, ApiKey] | None:
    """The user and the key of this secret. None if it is unknown, expired or revoked, or its user disabled.

    It writes nothing: a use is noted by `note_use`, for which nobody needs to wait.
    """
    return recognise(db, hash_of(secret))


def recognise(db: Db, secret_hash: str) -> tuple[User, ApiKey] | None:
    """The same by the secret's hash."""
    now = now_seconds()
    row = orm.select(
        (u.id, u.public_id, u.name, u.is_admin, u.created_at, u.is_disabled, k.public_id)
        for k in db.ApiKey
        for u in db.User
        if k.secret_hash == secret_hash and u.id == k.user_id
    ).get()
    if row is None:
        return None
    user, key = User(*row[:-1]), _get(db, row[-1])
    if user.is_disabled or key.is_expired(now) or key.revoked_at is not None:
        return None
    return user, key


def list_for(db: Db, user_id: int) -> list[ApiKey]:
    """Keys of one user, the oldest first, revoked ones included."""
    return [_record(row) for row in _keys(db).where(lambda k: k.user_id == user_id).order_by("k.id")]


def list_all(db: Db) -> list[ApiKey]:
    """Keys of all users, the oldest first, revoked ones included."""
    return [_record(row) for row in _keys(db).order_by("k.id")]


def has_any(db: Db) -> bool:
    """Whether a key was ever made."""
    return bool(orm.exists(k for k in db.ApiKey))


@writes
def revoke(db: Db, public_id: str) -> ApiKey:
    """Let a key open nothing any more. It stays in the lists, with the time of its first revocation.

    Raises RecordNotFound.
    """
    sql.execute(
        db,
        "UPDATE api_keys SET revoked_at = $now WHERE public_id = $public_id AND revoked_at IS NULL",
        now=now_seconds(),
        public_id=public_id,
    )
    return _get(db, public_id)


def hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def is_use_to_be_noted(key: ApiKey) -> bool:
    """Whether what is known of the key's last use is too old."""
    return key.last_used_at is None or key.last_used_at <= now_seconds() - LAST_USE_SECONDS


@writes_for_now
def note_use(db: Db, key_id: int) -> None:
    """Store that a key is in use now."""
    sql.execute(db, "UPDATE api_keys SET last_used_at = $now WHERE id = $id", now=now_seconds(), id=key_id)


def _get(db: Db, public_id: str) -> ApiKey:
    row = _keys(db).where(lambda k: k.public_id == public_id).get()
    if row is None:
        raise RecordNotFound("key", public_id)
    return _record(row)


def _keys(db: Db) -> Any:
    return orm.select(
        (
            k.id,
            k.public_id,
            k.user_id,
            k.name,
            k.prefix,
            k.created_at,
            k.expires_at,
            k.revoked_at,
            k.last_used_at,
        )
        for k in db.ApiKey
    )


def _record(row: tuple[Any, ...]) -> ApiKey:
    return ApiKey(*row)
