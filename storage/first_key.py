"""The key with which a new server's first user gets in."""

from __future__ import annotations

from pony.orm import Database as Db

from storage import keys, users
from storage.db.session import writes
from storage.errors import DuplicateName

ADMIN_NAME = "admin"


@writes
def make_first_key(db: Db, key_name: str) -> str | None:
    """The secret of a key for the user "admin", both just made. None if a key was ever made, or if the name is taken.

    User and key are one transaction. Of several workers that start together, one makes both and the others nothing.
    """
    if keys.has_any(db):
        return None
    try:
        admin = users.create(db, ADMIN_NAME, is_admin=True)
    except DuplicateName:
        return None
    return keys.create(db, admin.id, key_name)[1]
