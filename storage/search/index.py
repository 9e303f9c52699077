"""What can be found: words of items and titles, kept with the rows that they belong to and in the same transaction.

The database drops the words of a row that is deleted. An item that still grows is not found before it has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pony.orm import Database as Db

from storage.db import full_text, sql
from storage.item_text import searched_text

GROWING = "in_progress"


def add_item(db: Db, batch: sql.Batch, user_id: int, row_id: int, item: Mapping[str, Any], *, is_new: bool) -> None:
    """Let an item of a conversation be found; one whose row `is_new` cannot be in the index yet."""
    value = _item_value(db, user_id, item)
    if not is_new:
        _forget(batch, "item_words", row_id)
    if value is not None:
        _keep(batch, "item_words", row_id, value)


def replace_item(db: Db, batch: sql.Batch, user_id: int, row_id: int, item: Mapping[str, Any]) -> None:
    """Let an item be found as it is now, if it is in any conversation."""
    value = _item_value(db, user_id, item)
    if value is not None:
        _forget(batch, "item_words", row_id)
        batch.add(
            "INSERT INTO item_words (rowid, words) SELECT $row_id, CAST($value AS {type}) WHERE EXISTS"
            " (SELECT 1 FROM conversation_items WHERE item_id = $row_id)".format(
                type="TSVECTOR" if sql.is_postgresql(db) else "TEXT"
            ),
            row_id=row_id,
            value=value,
        )


def set_title(db: Db, batch: sql.Batch, user_id: int, row_id: int, title: str | None, *, is_new: bool = False) -> None:
    """Let a conversation be found by its title, if it has one."""
    if not is_new:
        _forget(batch, "title_words", row_id)
    value = full_text.text_value(user_id, title or "", is_postgresql=sql.is_postgresql(db))
    if value is not None:
        _keep(batch, "title_words", row_id, value)


def _item_value(db: Db, user_id: int, item: Mapping[str, Any]) -> str | None:
    if item.get("status") == GROWING:
        return None
    return full_text.text_value(user_id, searched_text(item), is_postgresql=sql.is_postgresql(db))


def _forget(batch: sql.Batch, table: str, row_id: int) -> None:
    batch.add(f"DELETE FROM {table} WHERE rowid = $row_id", row_id=row_id)


def _keep(batch: sql.Batch, table: str, row_id: int, value: str) -> None:
    batch.add(f"INSERT INTO {table} (rowid, words) VALUES ($row_id, $value)", row_id=row_id, value=value)
