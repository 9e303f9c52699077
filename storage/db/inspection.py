"""A look at a database from outside: what it is, whether it is well, and what it still lacks. It changes nothing.

It does without Pony and the migrations' machinery, which would both make what is missing.
"""

from __future__ import annotations

import os
import pkgutil
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from storage.db import migrations
from storage.db.address import Address, PostgresServer, SqliteFile
from storage.errors import StorageUnavailable

CHECK_SECONDS = 3.0
"""Time for which a file is searched for damage at most."""

_APPLIED = "SELECT migration_id FROM _yoyo_migration"
_STEPS_BETWEEN_LOOKS = 100_000
"""Steps of SQLite's virtual machine between two looks at the clock."""


@dataclass(frozen=True)
class DatabaseState:
    name: str
    """Kind of database, with the version of its program."""
    size_bytes: int
    missing_migrations: tuple[str, ...]
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def inspect(address: Address) -> DatabaseState | None:
    """State of the database; None for a file that is not there yet. Raises StorageUnavailable."""
    if isinstance(address, SqliteFile):
        return _inspect_file(address) if address.path.exists() else None
    return _inspect_server(address)


def all_migrations() -> set[str]:
    return {module.name for module in pkgutil.iter_modules(migrations.__path__)}


# --- SQLite ---------------------------------------------------------------------------------------------------------


def _inspect_file(address: SqliteFile) -> DatabaseState:
    try:
        with closing(sqlite3.connect(f"{address.path.as_uri()}?mode=ro", uri=True, timeout=CHECK_SECONDS)) as database:
            applied = _applied_in_file(database)
            problems, remarks = _damage(database)
            (mode,) = database.execute("PRAGMA journal_mode").fetchone()
    except sqlite3.Error as error:
        raise StorageUnavailable(f"{address.path}: {error}") from error
    for path in (address.path, address.path.parent):
        if not os.access(path, os.W_OK):
            problems.append(f"{path} cannot be written")
    if mode != "wal":
        remarks.append("the next start switches it to WAL mode")
    size = sum(path.stat().st_size for path in address.path.parent.glob(f"{address.path.name}*") if path.is_file())
    name = f"SQLite {sqlite3.sqlite_version} in {address.path}"
    return DatabaseState(name, size, _missing(applied), tuple(problems), tuple(remarks))


def _applied_in_file(database: sqlite3.Connection) -> set[str]:
    is_there = database.execute("SELECT 1 FROM sqlite_master WHERE name = '_yoyo_migration'").fetchone()
    return {row[0] for row in database.execute(_APPLIED)} if is_there else set()


def _damage(database: sqlite3.Connection) -> tuple[list[str], list[str]]:
    """Damage of the file, and remarks on what could not be found out."""
    give_up_at = time.monotonic() + CHECK_SECONDS
    database.set_progress_handler(lambda: int(time.monotonic() > give_up_at), _STEPS_BETWEEN_LOOKS)
    try:
        (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        return [], [f"no damage found in {CHECK_SECONDS:.0f} seconds, and not searched to the end"]
    finally:
        database.set_progress_handler(None, 0)
    return ([] if verdict == "ok" else [f"it is damaged ({verdict})"]), []


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


def _inspect_server(address: PostgresServer) -> DatabaseState:
    try:
        import psycopg2
    except ImportError as error:
        raise StorageUnavailable("the package psycopg2-binary is not installed") from error
    try:
        with closing(psycopg2.connect(**address.parameters)) as connection, connection.cursor() as cursor:
            return _ask_server(cursor)
    except psycopg2.Error as error:
        raise StorageUnavailable(str(error).strip().splitlines()[0]) from error


def _ask_server(cursor: Any) -> DatabaseState:
    cursor.execute(
        "SELECT current_setting('server_version'), pg_database_size(current_database()), current_database(),"
        " pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on',"
        " has_schema_privilege(current_schema(), 'CREATE'), to_regclass('_yoyo_migration') IS NOT NULL"
    )
    version, size, database, is_read_only, may_create, is_there = cursor.fetchone()
    applied: set[str] = set()
    if is_there:
        cursor.execute(_APPLIED)
        applied = {row[0] for row in cursor.fetchall()}
    missing = _missing(applied)
    problems = ["it is read-only"] if is_read_only else []
    if missing and not may_create:
        problems.append("this user may not create tables in it")
    return DatabaseState(f"PostgreSQL {version}, database {database}", size, missing, tuple(problems))


def _missing(applied: set[str]) -> tuple[str, ...]:
    return tuple(sorted(all_migrations() - applied))
