"""Settings of conversations: kept, replaced, copied by forks, and asked for in lists."""

from __future__ import annotations

from typing import Any

import pytest

from storage import chat_settings, conversations
from storage.db.database import Database
from storage.records import ChatSettings, User

SETTINGS: dict[str, Any] = {
    "instructions": " Be brief. ",
    "defaults": {"z": 1.0, "a": {"b": None}},
    "is_pinned": True,
    "is_archived": True,
}


def test_settings_come_back_as_they_went_in(database: Database, user: User, stranger: User) -> None:
    created = database.run(conversations.create, user.id, settings=SETTINGS)
    assert created.settings == ChatSettings(**SETTINGS)
    assert database.run(conversations.get, user.id, created.public_id) == created
    found = database.run(chat_settings.get, user.id, created.public_id)
    assert found == created.settings
    assert found.concern_answers
    assert list(found.defaults) == ["z", "a"]
    assert database.run(chat_settings.get, stranger.id, created.public_id) is None


def test_a_conversation_without_settings_has_none(database: Database, user: User) -> None:
    created = database.run(conversations.create, user.id)
    assert database.run(chat_settings.get, user.id, created.public_id) == ChatSettings()
    assert not created.settings.concern_answers


def test_what_a_change_names_is_replaced(database: Database, user: User) -> None:
    public_id = database.run(conversations.create, user.id, settings=SETTINGS).public_id
    changed = database.run(
        conversations.update, user.id, public_id, settings={"instructions": None, "is_pinned": False}
    )
    assert changed.settings == ChatSettings(None, SETTINGS["defaults"], False, True)
    changed = database.run(conversations.update, user.id, public_id, title="T", settings={"defaults": {}})
    assert (changed.title, changed.settings) == ("T", ChatSettings(None, {}, False, True))


def test_what_is_no_setting_is_not_written(database: Database, user: User) -> None:
    created = database.run(conversations.create, user.id)
    with pytest.raises(ValueError, match="user_id"):
        database.run(conversations.update, user.id, created.public_id, settings={"user_id": 5})


def test_a_fork_is_answered_alike_and_kept_elsewhere(database: Database, user: User) -> None:
    source = database.run(conversations.create, user.id, settings=SETTINGS)
    forked = database.run(conversations.fork, user.id, source.public_id)
    assert forked.settings == ChatSettings(SETTINGS["instructions"], SETTINGS["defaults"])
    assert database.run(conversations.get, user.id, forked.public_id) == forked


def test_lists_are_of_those_that_are_pinned_or_archived_or_not(database: Database, user: User) -> None:
    made = {
        (is_pinned, is_archived): database.run(
            conversations.create, user.id, settings={"is_pinned": is_pinned, "is_archived": is_archived}
        ).public_id
        for is_pinned in (False, True)
        for is_archived in (False, True)
    }
    for page in (conversations.list_page, conversations.roots_page):
        for wanted_pin in (None, False, True):
            for wanted_archive in (None, False, True):
                found = database.run(page, user.id, is_pinned=wanted_pin, is_archived=wanted_archive).data
                expected = {
                    public_id
                    for (is_pinned, is_archived), public_id in made.items()
                    if wanted_pin in (None, is_pinned) and wanted_archive in (None, is_archived)
                }
                assert {one.public_id for one in found} == expected
