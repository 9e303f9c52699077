"""Looking for conversations of one user by words in their titles and items.

    item_words, title_words  ->  hits: a conversation and a place in it  ->  one match for each conversation

A title has the place in front of all items. What is asked and how a match is shown is known elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pony.orm import Database as Db

from storage import conversations
from storage.db import full_text, sql
from storage.db.json_text import decode
from storage.item_text import searched_text
from storage.records import Conversation, Match, Page
from storage.search.query import Query
from storage.search.snippet import snippet
from storage.tables import conversation_queries

Order = Literal["newest", "rank"]
"""Newest activity first, or the best match."""

TITLE = -1
"""Place of a conversation's title."""

TITLE_WEIGHT = 2
"""A word in a title says more than one in an item."""

NEWEST = "SELECT conversation_id, max(position) AS position, 0 AS score FROM hits GROUP BY conversation_id"
BEST = (
    "SELECT h.conversation_id, max(h.position) AS position, h.score FROM hits h JOIN"
    " (SELECT conversation_id, min(score) AS score FROM hits GROUP BY conversation_id) b"
    " ON b.conversation_id = h.conversation_id AND b.score = h.score GROUP BY h.conversation_id, h.score"
)
"""The one hit of each conversation that is shown: the last, or the last of the best."""


def find(
    db: Db, user_id: int, text: str, after: str | None = None, limit: int = 20, order: Order = "newest"
) -> Page[Match]:
    """A page of the conversations in which something matches, with one match of each.

    `after` is the last conversation of the page before. Raises RecordNotFound when that is gone.
    """
    query = Query.parse(text)
    place = None if after is None else conversation_queries.place_of(db, user_id, after, "active_at")
    if not query.phrases:
        return Page((), has_more=False)
    if sql.is_postgresql(db):
        # Only bitmap scans read these indexes; otherwise connections do without them, see `storage.db.address`.
        sql.execute(db, "SET LOCAL enable_bitmapscan = on")
    value = full_text.search_value(user_id, query.phrases, is_postgresql=sql.is_postgresql(db))
    rows = db.select(
        _statement(db, order, is_first=place is None),
        {"user_id": user_id, "query": value, "place": place, "limit": limit + 1},
    )
    page = Page.cut(rows, limit)
    return Page(tuple(_matches(db, user_id, page.data, query)), page.has_more)


def _statement(db: Db, order: Order, *, is_first: bool) -> str:
    """Rows that begin with a conversation's number, and the item that is shown of it."""
    is_ranked = order == "rank"
    titles, items = (_texts(db, table, is_ranked) for table in ("title_words", "item_words"))
    ranking = "f.score, c.id DESC" if is_ranked else "c.active_at DESC, c.id DESC"
    beyond = ""
    if not is_first and is_ranked:
        beyond = (
            " AND EXISTS (SELECT 1 FROM found p WHERE p.conversation_id = $place[1]"
            " AND (f.score > p.score OR (f.score = p.score AND c.id < $place[1])))"
        )
    elif not is_first:
        beyond = " AND (c.active_at, c.id) < ($place[0], $place[1])"
    return (
        "SELECT * FROM (WITH hits AS ("
        f"SELECT l.conversation_id, l.position, w.score FROM ({items}) w"
        " JOIN conversation_items l ON l.item_id = w.id"
        f" UNION ALL SELECT w.id, {TITLE}, w.score * {TITLE_WEIGHT} FROM ({titles}) w),"
        f" found AS ({BEST if is_ranked else NEWEST}),"
        " page AS (SELECT c.id, c.active_at, f.score, f.position"
        " FROM found f JOIN conversations c ON c.id = f.conversation_id"
        f" WHERE c.user_id = $user_id{beyond} ORDER BY {ranking} LIMIT $limit)"
        " SELECT c.id, i.data, c.active_at, c.score FROM page c"
        " LEFT JOIN conversation_items l ON l.conversation_id = c.id AND l.position = c.position"
        f" LEFT JOIN items i ON i.id = l.item_id ORDER BY {ranking.replace('f.', 'c.')}) AS matches"
    )


def _texts(db: Db, table: str, is_ranked: bool) -> str:
    """Numbers and scores of the rows whose words match; the lowest score is the best."""
    if sql.is_postgresql(db):
        score = "-ts_rank_cd(words, CAST($query AS tsquery), 1)" if is_ranked else "0"
        return f"SELECT rowid AS id, {score} AS score FROM {table} WHERE words @@ CAST($query AS tsquery)"
    return f"SELECT rowid AS id, {'rank' if is_ranked else '0'} AS score FROM {table} WHERE {table} MATCH $query"


def _matches(db: Db, user_id: int, rows: Sequence[tuple[Any, ...]], query: Query) -> list[Match]:
    found = conversations.by_row(db, user_id, [row_id for row_id, *_ in rows])
    return [_match(found[row_id], data, query) for row_id, data, *_ in rows if row_id in found]


def _match(conversation: Conversation, data: str | None, query: Query) -> Match:
    if data is None:
        return Match(conversation, None, snippet(conversation.title or "", query))
    item = decode(data)
    return Match(conversation, item["id"], snippet(searched_text(item), query))
