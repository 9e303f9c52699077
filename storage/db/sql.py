"""The few statements that Pony has no words for, on both databases: many rows at once, locked rows, lists of values.

`values` are referred to as `$name` in the statement, and never become part of its text. A round trip to PostgreSQL
costs more than what it does there, so statements that answer nothing can be sent together, as a `Batch`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pony.orm import Database as Db

from storage.db.clock import POSTGRESQL

T = TypeVar("T")

_MAX_ROWS = 100
"""Rows in one statement: SQLite of old allowed 999 values, and every size is another statement to remember."""

MAX_VALUES = 500
"""Values in a list within one query, for the same reasons."""

_NAME = re.compile(r"\$(\w+)")


def is_postgresql(db: Db) -> bool:
    return bool(db.provider.dialect == POSTGRESQL)


def execute(db: Db, statement: str, **values: Any) -> Any:
    """Cursor of a statement that is run inside the session's transaction, which begins now if it has not yet."""
    cursor = db.execute(statement, values)
    # Pony answers a query that the session has seen before from memory, whatever was written past it.
    db._get_cache().query_results.clear()
    return cursor


def fetch_one(db: Db, statement: str, **values: Any) -> tuple[Any, ...] | None:
    row = execute(db, statement, **values).fetchone()
    return None if row is None else tuple(row)


def fetch_all(db: Db, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in execute(db, statement, **values).fetchall()]


def update_one(db: Db, update: str, select: str, **values: Any) -> tuple[Any, ...] | None:
    """Columns that `select` names, of the one row that `update` has changed; None if it has changed none."""
    if is_postgresql(db):
        answer = select.removeprefix("SELECT ").partition(" FROM ")[0]
        return fetch_one(db, f"{update} RETURNING {answer}", **values)
    # SQLite before 3.35 knows no RETURNING, and its statements cost next to nothing.
    return fetch_one(db, select, **values) if execute(db, update, **values).rowcount else None


def insert(db: Db, table: str, **values: Any) -> int:
    """Number of the new row."""
    row_id = db.insert(table, returning="id", **values)
    db._get_cache().query_results.clear()
    return int(row_id)


def insert_unless_there(db: Db, table: str, columns: Mapping[str, str], **values: Any) -> int | None:
    """Number of the new row; None if one of its unique values is taken. `columns` are given as expressions of SQL."""
    names, places = ", ".join(columns), ", ".join(columns.values())
    statement = f"INSERT INTO {table} ({names}) VALUES ({places}) ON CONFLICT DO NOTHING"
    if is_postgresql(db):
        row = fetch_one(db, f"{statement} RETURNING id", **values)
        return None if row is None else int(row[0])
    cursor = execute(db, statement, **values)  # SQLite before 3.35 knows no RETURNING
    return int(cursor.lastrowid) if cursor.rowcount else None


def insert_rows(db: Db, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    batch = Batch()
    batch.insert_rows(table, columns, rows)
    batch.run(db)


class Batch:
    """Statements without answers, done one after the other: on PostgreSQL in one round trip."""

    def __init__(self) -> None:
        self._statements: list[tuple[str, dict[str, Any]]] = []

    def add(self, statement: str, **values: Any) -> None:
        self._statements.append((statement, values))

    def insert_rows(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, skips_known: bool = False
    ) -> None:
        """Add rows; with `skips_known`, a row whose key is there already is left as it is."""
        end = " ON CONFLICT DO NOTHING" if skips_known else ""
        for start in range(0, len(rows), _MAX_ROWS):
            some = rows[start : start + _MAX_ROWS]
            places = ", ".join(
                f"({', '.join(f'$rows[{number}][{column}]' for column in range(len(columns)))})"
                for number in range(len(some))
            )
            self.add(f"INSERT INTO {table} ({', '.join(columns)}) VALUES {places}{end}", rows=some)

    def run(self, db: Db) -> None:
        if is_postgresql(db) and len(self._statements) > 1:
            self._run_together(db)
        else:
            for statement, values in self._statements:
                execute(db, statement, **values)
        self._statements = []

    def _run_together(self, db: Db) -> None:
        texts: list[str] = []
        together: dict[str, Any] = {}
        for number, (statement, values) in enumerate(self._statements):
            texts.append(_NAME.sub(rf"$s{number}_\1", statement))
            together |= {f"s{number}_{name}": value for name, value in values.items()}
        # Pony takes a semicolon after a name for the name's end; what is left of two is one, or an empty statement.
        execute(db, ";; ".join(texts), **together)


def in_batches(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """The values, as many at a time as one query may list."""
    return (values[start : start + MAX_VALUES] for start in range(0, len(values), MAX_VALUES))


def one_of(name: str, values: Sequence[Any]) -> str:
    """`IN (...)` over the values that are passed as `name`; there must be at least one."""
    return f"IN ({', '.join(f'${name}[{number}]' for number in range(len(values)))})"


def for_update(db: Db) -> str:
    """The end of a SELECT whose rows nobody else may change until we commit. SQLite has one writer at a time anyway."""
    return " FOR UPDATE" if is_postgresql(db) else ""
