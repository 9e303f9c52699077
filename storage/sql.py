"""The few statements that Pony has no words for, on both databases: many rows at once, locked rows, lists of values.

`values` are referred to as `$name` in the statement, and never become part of its text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pony.orm import Database as Db

from storage.clock import POSTGRESQL

_MAX_ROWS = 100
"""In one statement: SQLite of old allowed 999 values, and every size is another statement to remember."""


def execute(db: Db, statement: str, **values: Any) -> Any:
    """Run it inside the session's transaction, which begins now if it has not yet. Returns the cursor."""
    cursor = db.execute(statement, values)
    # Pony answers a query that the session has seen before from memory, whatever was written past it.
    db._get_cache().query_results.clear()
    return cursor


def fetch_one(db: Db, statement: str, **values: Any) -> tuple[Any, ...] | None:
    row = execute(db, statement, **values).fetchone()
    return None if row is None else tuple(row)


def insert(db: Db, table: str, **values: Any) -> int:
    """The new row's number."""
    row_id = db.insert(table, returning="id", **values)
    db._get_cache().query_results.clear()
    return int(row_id)


def insert_rows(db: Db, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    names = ", ".join(columns)
    for start in range(0, len(rows), _MAX_ROWS):
        some = rows[start : start + _MAX_ROWS]
        places = ", ".join(
            f"({', '.join(f'$rows[{number}][{column}]' for column in range(len(columns)))})"
            for number in range(len(some))
        )
        execute(db, f"INSERT INTO {table} ({names}) VALUES {places}", rows=some)


def one_of(name: str, values: Sequence[Any]) -> str:
    """`IN (...)` over the values that are passed as `name`; there must be at least one."""
    return f"IN ({', '.join(f'${name}[{number}]' for number in range(len(values)))})"


def for_update(db: Db) -> str:
    """The end of a SELECT whose rows nobody else may change until we commit. SQLite has one writer at a time anyway."""
    return " FOR UPDATE" if db.provider.dialect == POSTGRESQL else ""
