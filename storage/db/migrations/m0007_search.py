"""Indexes of the words in titles and items, and what there is already in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from yoyo import step

from storage.db import full_text
from storage.db.json_text import decode
from storage.item_text import searched_text

BATCH = 500
"""Rows that are in memory at once."""

ITEMS = (
    "SELECT i.id, i.user_id, i.data FROM items i WHERE i.id > {mark} AND coalesce(i.status, '') <> 'in_progress'"
    " AND EXISTS (SELECT 1 FROM conversation_items l WHERE l.item_id = i.id) ORDER BY i.id LIMIT {batch}"
)
TITLES = "SELECT id, user_id, title FROM conversations WHERE id > {mark} AND title <> '' ORDER BY id LIMIT {batch}"


def make_indexes(connection: Any) -> None:
    is_postgresql = type(connection).__module__ != "sqlite3"
    cursor = connection.cursor()
    for name, owner_table in (("item_words", "items"), ("title_words", "conversations")):
        for statement in full_text.table(name, owner_table, is_postgresql=is_postgresql):
            cursor.execute(statement)
    _fill(cursor, "item_words", ((row[0], row[1], searched_text(decode(row[2]))) for row in _rows(cursor, ITEMS)))
    _fill(cursor, "title_words", _rows(cursor, TITLES))


def _rows(cursor: Any, select: str) -> Iterator[tuple[int, int, str]]:
    mark, last = _mark(cursor), 0
    while True:
        cursor.execute(select.format(mark=mark, batch=BATCH), (last,))
        rows = cursor.fetchall()
        yield from rows
        if len(rows) < BATCH:
            return
        last = rows[-1][0]


def _fill(cursor: Any, name: str, texts: Iterator[tuple[int, int, str]]) -> None:
    mark = _mark(cursor)
    for row_id, user_id, text in texts:
        value = full_text.text_value(user_id, text, is_postgresql=mark != "?")
        if value is not None:
            cursor.execute(f"INSERT INTO {name} (rowid, words) VALUES ({mark}, {mark})", (row_id, value))


def _mark(cursor: Any) -> str:
    return "?" if type(cursor).__module__ == "sqlite3" else "%s"


steps = [step(make_indexes)]
