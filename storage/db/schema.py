"""Brings the tables up to date: yoyo's numbered steps, forward only, one process at a time.

yoyo's own lock is a row that a killed process leaves behind, and it marks a step as done only after the step was
committed. Here the lock dies with its process, and a step and its mark are one transaction: whenever a migration is
killed, the next start finds the tables as before the step, or as after it.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import quote

from yoyo import read_migrations
from yoyo.backends.base import get_backend_class
from yoyo.connections import DatabaseURI
from yoyo.migrations import default_migration_table

from storage.db.address import LOCK_TIMEOUT_SECONDS, Address, SqliteFile

SOURCE = "package:storage.db:migrations"
_ADVISORY_LOCK = 0x5061726C6579
"""Number of our lock, 'Parley' in ASCII. Others who share the database will hardly have chosen it."""


def migrate(address: Address, source: str = SOURCE) -> list[str]:
    """Apply the missing migrations; their names. May wait for another process that is at it."""
    if isinstance(address, SqliteFile):
        with _file_lock(address):
            _use_wal(address)
            return _apply_missing(_backend(address), source)
    backend = _backend(address)
    backend.execute(f"SELECT pg_advisory_lock({_ADVISORY_LOCK})")
    return _apply_missing(backend, source)


def _apply_missing(backend: Any, source: str) -> list[str]:
    with backend:
        backend.create_lock_table()
        # Ours is held: whoever left this one is dead.
        backend.break_lock()
        migrations = read_migrations(source)
        steps = [step for step in backend.to_apply(migrations) if step.id != "__init__"]
        for migration in steps:
            _apply(backend, migration)
    return [migration.id for migration in steps]


def _apply(backend: Any, migration: Any) -> None:
    migration.load()
    with backend.transaction():
        for step in migration.steps:
            step.apply(backend)
        backend.mark_one(migration, log=False)


def _backend(address: Address) -> Any:
    uri = _yoyo_uri(address)
    return get_backend_class(uri.scheme)(uri, default_migration_table)


def _yoyo_uri(address: Address) -> DatabaseURI:
    if isinstance(address, SqliteFile):
        # yoyo puts it into a URI of SQLite's.
        return DatabaseURI("sqlite", None, None, None, None, quote(str(address.path)), {})
    # Waiting for another's migration may take longer than any statement.
    parameters = address.parameters | {"options": ""}
    name = parameters.pop("dbname", None)
    return DatabaseURI("postgresql", None, None, None, None, name, parameters)


def _use_wal(address: SqliteFile) -> None:
    """Let readers and the writer not wait for each other, and a commit sync once. The file remembers it for good."""
    with closing(sqlite3.connect(address.path, timeout=LOCK_TIMEOUT_SECONDS)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


@contextmanager
def _file_lock(address: SqliteFile) -> Iterator[None]:
    """Lock a file beside the database: the database's own file is locked by SQLite."""
    path = address.path.with_name(address.path.name + ".migrating")
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
