"""Indexes of the words in titles and items, and what there is already in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from yoyo import step

from storage.db import full_text
from storage.db.json_text import decode
from storage.item_text import searched_text

BATCH = 250
"""Rows that are in memory at once."""

ITEMS = (
    "SELECT i.id, i.user_id, i.data FROM items i WHERE i.id > {mark} AND coalesce(i.status, '') <> 'in_progress'"
    " AND EXISTS (SELECT 1 FROM conversation_items l WHERE l.item_id = i.id) ORDER BY i.id LIMIT {batch}"
)
TITLES = "SELECT id, user_id, title FROM conversations WHERE id > {mark} AND title <> '' ORDER BY id LIMIT {batch}"


def make_indexes(connection: Any) -> None:
    is_postgresql = type(connection).__module__ != "sqlite3"
    cursor = connection.cursor()
    for name, owner_table, select in (("item_words", "items", ITEMS), ("title_words", "conversations", TITLES)):
        for statement in full_text.table(name, owner_table, is_postgresql=is_postgresql):
            cursor.execute(statement)
        for rows in _batches(cursor, select):
            _add(cursor, name, rows, is_items=select is ITEMS)
        for statement in full_text.index(name, is_postgresql=is_postgresql):
            cursor.execute(statement)


def _batches(cursor: Any, select: str) -> Iterator[list[tuple[int, int, str]]]:
    mark, last = _mark(cursor), 0
    while True:
        cursor.execute(select.format(mark=mark, batch=BATCH), (last,))
        rows = cursor.fetchall()
        yield rows
        if len(rows) < BATCH:
            return
        last = rows[-1][0]


def _add(cursor: Any, name: str, rows: list[tuple[int, int, str]], *, is_items: bool) -> None:
    mark = _mark(cursor)
    values: list[Any] = []
    for row_id, user_id, said in rows:
        text = searched_text(decode(said)) if is_items else said
        value = full_text.text_value(user_id, text, is_postgresql=mark != "?")
        if value is not None:
            values += [row_id, value]
    if values:
        places = ", ".join([f"({mark}, {mark})"] * (len(values) // 2))
        cursor.execute(f"INSERT INTO {name} (rowid, words) VALUES {places}", values)


def _mark(cursor: Any) -> str:
    return "?" if type(cursor).__module__ == "sqlite3" else "%s"


steps = [step(make_indexes)]
