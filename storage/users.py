"""Users. Each owns conversations, responses and keys that no other user can see."""

from __future__ import annotations

from typing import Any

from pony import orm
from pony.orm import Database as Db

from storage.db.clock import now_seconds
from storage.db.session import writes
from storage.errors import DuplicateName, RecordNotFound
from storage.ids import new_id
from storage.records import User

LOCAL_NAME = "local"


@writes
def create(db: Db, name: str, is_admin: bool = False) -> User:
    """A new user. Raises DuplicateName."""
    if _named(db, name) is not None:
        raise DuplicateName(name)
    return _insert(db, name, is_admin=is_admin)


def get_by_name(db: Db, name: str) -> User:
    """The user of that name. Raises RecordNotFound."""
    user = _named(db, name)
    if user is None:
        raise RecordNotFound("user", name)
    return user


def get_or_create(db: Db, name: str) -> User:
    """The user whom a trusted proxy names, new if need be."""
    return _named(db, name) or _insert(db, name)


def list_all(db: Db) -> list[User]:
    """All users but the local one, the oldest first."""
    return [_record(row) for row in _users(db).where(lambda u: not u.is_local).order_by("u.id")]


@writes
def set_disabled(db: Db, name: str, is_disabled: bool) -> User:
    """Let a user in or not. Keys of a disabled one are refused; what the user stored stays. Raises RecordNotFound."""
    user = get_by_name(db, name)
    db.User[user.id].is_disabled = is_disabled
    orm.flush()
    return get_by_name(db, name)


def local_user(db: Db) -> User:
    """The one user of a server without authentication, made when first asked for.

    No proxy can name it, since it is not found by name. It may do everything.
    """
    return _named(db, LOCAL_NAME, is_local=True) or _insert(db, LOCAL_NAME, is_local=True, is_admin=True)


def _named(db: Db, name: str, is_local: bool = False) -> User | None:
    row = _users(db).where(lambda u: u.name == name and u.is_local == is_local).get()
    return None if row is None else _record(row)


def _insert(db: Db, name: str, *, is_admin: bool = False, is_local: bool = False) -> User:
    user = db.User(
        public_id=new_id("user"),
        name=name,
        is_local=is_local,
        is_admin=is_admin,
        is_disabled=False,
        created_at=now_seconds(),
    )
    orm.flush()
    return _record((user.id, user.public_id, user.name, user.is_admin, user.created_at, user.is_disabled))


def _users(db: Db) -> Any:
    return orm.select((u.id, u.public_id, u.name, u.is_admin, u.created_at, u.is_disabled) for u in db.User)


def _record(row: tuple[Any, ...]) -> User:
    return User(*row)
