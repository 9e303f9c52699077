"""What goes wrong in the background. That titles are made is tested with a model, in conformance/test_titles.py."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from schemas.items import message
from server.answers.answer import ClientLeft
from server.answers.request import Caller
from server.errors.tree import ModelNotReady, Overloaded, TemplateRefused
from server.titles.titling import title_soon
from storage import conversations, users
from storage.db.database import Database

CALLER = Caller(queue_key="a", cache_scope="a")


class NoModel:
    """A model that cannot be asked."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def answer(self, *_: object) -> Any:
        raise self._error


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (ModelNotReady("m", "loading", None, "", 1), logging.INFO),
        (Overloaded(1), logging.INFO),
        (TemplateRefused("no"), logging.INFO),
        (ClientLeft(), logging.INFO),
        (ValueError("a bug"), logging.ERROR),
    ],
)
def test_what_goes_wrong_is_logged_and_leaves_no_title(
    database: Database, caplog: pytest.LogCaptureFixture, error: Exception, level: int
) -> None:
    user_id = database.run(users.local_user).id
    made = database.run(conversations.create, user_id, {}, [message("user", "hi")]).public_id
    model: Any = NoModel(error)
    with caplog.at_level(logging.INFO, logger="server.titles.titling"):
        title_soon(database, user_id, made, model, CALLER).get()
    (record,) = caplog.records
    assert record.levelno == level
    assert made in record.message
    assert database.run(conversations.get, user_id, made).title is None


def test_a_conversation_that_is_gone_needs_no_title(database: Database) -> None:
    user_id = database.run(users.local_user).id
    model: Any = NoModel(ValueError("never asked"))
    title_soon(database, user_id, "conv_gone", model, CALLER).get()
