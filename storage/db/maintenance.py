"""What an operator does with the whole database: look how much is in it, and copy it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from pony.orm import Database as Db

from storage.db.address import SqliteFile
from storage.errors import StorageUnavailable


def count_rows(db: Db) -> dict[str, int]:
    """Number of rows of each table."""
    tables = sorted(entity._table_ for entity in db.entities.values())
    return {table: int(db.select(f"SELECT count(*) FROM {table}")[0]) for table in tables}


def copy_sqlite(source: SqliteFile, target: Path) -> None:
    """Copy the file as of one moment, while others go on writing. The target must not exist.

    Raises StorageUnavailable.
    """
    try:
        with (
            closing(sqlite3.connect(f"{source.path.as_uri()}?mode=ro", uri=True)) as original,
            closing(sqlite3.connect(target)) as copy,
        ):
            target.chmod(0o600)
            original.backup(copy)
    except sqlite3.OperationalError as error:
        target.unlink(missing_ok=True)
        raise StorageUnavailable(str(error)) from error
