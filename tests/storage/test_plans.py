"""Long lists: a page, or one of their items, is looked up in an index, whatever is in the list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pony.orm import Database as Db

from storage import conversations, items
from storage.db import sql
from storage.db.database import Database
from storage.db.session import writes
from storage.ids import new_id
from storage.records import Conversation, User
from storage.tables import item_rows
from tests.storage.helpers import message

NUM_CONVERSATIONS = 20_000


@pytest.fixture
def conversation(database: Database, user: User) -> Conversation:
    return database.run(conversations.create, user.id, items=[message(text) for text in "abc"])


def plan_of(database: Database, function: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """How the database does the last statement of a function that reads."""

    def explain(db: Db) -> str:
        function(db, *args, **kwargs)
        connection, statement = db.get_connection(), db.last_sql
        cursor = connection.cursor()
        if sql.is_postgresql(db):
            values: Any = {f"p{number}": 1 for number in range(1, 9)}
            cursor.execute(f"EXPLAIN {statement}", values)
        else:
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", [1] * statement.count("?"))
        return "\n".join(str(column) for row in cursor.fetchall() for column in row)

    return database.run(explain)


@writes
def fill(db: Db, user_id: int) -> None:
    columns = ("public_id", "user_id", "metadata", "created_at", "active_at", "next_position", "family_active_at")
    rows = [(new_id("conv"), user_id, "{}", 1, number, 0, number) for number in range(NUM_CONVERSATIONS)]
    sql.insert_rows(db, "conversations", columns, rows)
    sql.execute(db, "UPDATE conversations SET root_id = id")


@pytest.mark.parametrize("is_first", [True, False])
def test_a_page_of_conversations_is_not_sorted_even_if_the_database_does_not_know_how_many_there_are(
    database: Database, user: User, is_first: bool
) -> None:
    """Nor does it after the first of a new user's many in a large table."""
    last = database.run(conversations.create, user.id).public_id
    database.run(fill, user.id)
    plan = plan_of(database, conversations.list_page, user.id, None if is_first else last)
    assert "conversations_by_activity" in plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize("name", ["pinned", "archived"])
def test_the_few_that_are_pinned_or_archived_are_not_looked_for_in_all(
    database: Database, user: User, name: str
) -> None:
    database.run(fill, user.id)
    plan = plan_of(database, conversations.list_page, user.id, **{f"is_{name}": True})
    assert f"conversations_{name}" in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize("is_first", [True, False])
def test_a_page_of_roots_is_not_sorted_either(database: Database, user: User, is_first: bool) -> None:
    last = database.run(conversations.create, user.id).public_id
    database.run(fill, user.id)
    plan = plan_of(database, conversations.found_roots, user.id, None if is_first else last)
    assert "conversations_roots" in plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan


def test_an_item_is_found_without_going_through_its_conversation(
    database: Database, user: User, conversation: Conversation
) -> None:
    if not database.run(sql.is_postgresql):  # which reads a table of three items as a whole
        [one] = database.run(items.list_page, user.id, conversation.public_id, limit=1).data
        assert "(user_id=? AND public_id=?)" in plan_of(
            database, item_rows.position_in, user.id, conversation.id, one.public_id
        )
        plan = plan_of(database, items.get, user.id, conversation.public_id, one.public_id)
        assert "(user_id=? AND public_id=?)" in plan
