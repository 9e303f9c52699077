from __future__ import annotations

from typing import Any

import pytest

from schemas.items import message
from server.answers.messages import Message
from server.titles.titles import (
    MAX_QUOTED_LENGTH,
    MAX_TITLE_LENGTH,
    MAX_TITLE_TOKENS,
    Generate,
    clean_title,
    first_user_text,
    first_words,
    give_title,
    make_title,
    title_prompt,
)
from storage import conversations, users
from storage.db.database import Database
from storage.errors import RecordNotFound


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        ("Capital of France", "Capital of France"),
        ('"Capital of France."', "Capital of France"),
        ("“Capital of France”", "Capital of France"),
        ("**Title:** Capital of France\n\nThis title says what it is about.", "Capital of France"),
        ("title: capital", "capital"),
        ("The title is: Capital of France", "Capital of France"),
        ("# Capital\tof   France", "Capital of France"),
        ("<think>\nWhat is it about?\n</think>\n\nCapital of France", "Capital of France"),
        ("\n\n  \n- Capital", "Capital"),
        ("A book title: x", "A book title: x"),
        ("Why is the sky blue?", "Why is the sky blue?"),
        ("Titles: a history", "Titles: a history"),
        ("«Столица Франции»", "Столица Франции"),
        ("法国的首都", "法国的首都"),
    ],
)
def test_an_answer_is_cut_down_to_its_title(answer: str, title: str) -> None:
    assert clean_title(answer) == title


@pytest.mark.parametrize("answer", ["", " \n ", '""', "**", "<think>I wonder", "...", "Title:", "```python\nx = 1"])
def test_an_answer_without_a_title_has_none(answer: str) -> None:
    assert clean_title(answer) == ""


@pytest.mark.parametrize("text", ["word " * 50, "字" * 500, "x" * 500, "w" * 58 + " www", "a" * 10 + " " + "b" * 90])
def test_a_title_is_short(text: str) -> None:
    for title in (clean_title(text), first_words(text)):
        assert len(title) <= MAX_TITLE_LENGTH
        assert title.endswith("…")
        assert text.startswith(title[:-1])


def test_words_stay_whole_where_there_are_words() -> None:
    assert clean_title("abcdefg " * 20) == "abcdefg " * 6 + "abcdefg…"


def test_the_users_own_words_are_the_title_where_the_model_has_none() -> None:
    assert make_title("  What is\nthe capital? ", lambda messages, max_tokens: '""') == "What is the capital?"
    assert first_words(" \n ") == "Untitled"


def test_the_model_sees_the_beginning_of_the_message() -> None:
    asked: list[tuple[list[Message], int]] = []

    def generate(messages: list[Message], max_tokens: int) -> str:
        asked.append((messages, max_tokens))
        return "A"

    assert make_title("begin" + "x" * 5000, generate) == "A"
    assert asked == [(title_prompt("begin" + "x" * 5000), MAX_TITLE_TOKENS)]
    last = asked[0][0][-1].text
    assert "beginx" in last
    assert MAX_QUOTED_LENGTH < len(last) < MAX_QUOTED_LENGTH + 100


def test_the_model_is_asked_in_turns_that_every_template_takes() -> None:
    messages = title_prompt("hi")
    assert [asked.role for asked in messages] == ["user", "assistant"] * (len(messages) // 2) + ["user"]
    assert all(asked.text for asked in messages)


def test_a_message_with_braces_is_quoted_as_it_is() -> None:
    assert title_prompt("{0} {text} {")[-1].text.endswith('"{0} {text} {"')


def test_the_first_message_of_the_user_is_found() -> None:
    image = {"type": "input_image", "image_url": "x"}
    asked = {**message("user", "Look:"), "content": [{"type": "input_text", "text": "Look:"}, image]}
    before = [message("developer", "Be kind."), {"type": "reasoning", "summary": []}]
    assert first_user_text([*before, asked, message("user", "And?")]) == "Look:"


@pytest.mark.parametrize("items", [[], [message("assistant", "hi")], [message("user", " \n")], [{"type": "x"}]])
def test_there_may_be_nothing_to_make_a_title_of(items: list[dict[str, Any]]) -> None:
    assert first_user_text(items) is None


# --- kept in a database ---------------------------------------------------------------------------------------------


@pytest.fixture
def user_id(database: Database) -> int:
    return database.run(users.local_user).id


def converse(database: Database, user_id: int, *items: dict[str, Any], title: str | None = None) -> str:
    return database.run(conversations.create, user_id, {}, items, title=title).public_id


def say(title: str) -> Generate:
    return lambda messages, max_tokens: title


def test_a_conversation_without_a_title_gets_one(database: Database, user_id: int) -> None:
    made = converse(database, user_id, message("user", "What is the capital of France?"))
    assert give_title(database, user_id, made, say("Capital of France.")) == "Capital of France"
    assert database.run(conversations.get, user_id, made).title == "Capital of France"


@pytest.mark.parametrize("title", ["Mine", ""])
def test_a_title_that_the_client_gave_or_took_away_stays(database: Database, user_id: int, title: str) -> None:
    made = converse(database, user_id, message("user", "hi"), title=title)
    assert give_title(database, user_id, made, say("Other")) is None
    assert database.run(conversations.get, user_id, made).title == title


def test_the_client_may_be_faster_than_the_model(database: Database, user_id: int) -> None:
    made = converse(database, user_id, message("user", "hi"))

    def generate(messages: list[Message], max_tokens: int) -> str:
        database.run(conversations.update, user_id, made, title="Mine")
        return "Other"

    give_title(database, user_id, made, generate)
    assert database.run(conversations.get, user_id, made).title == "Mine"


def test_nothing_is_generated_where_there_is_nothing_to_make_a_title_of(database: Database, user_id: int) -> None:
    made = converse(database, user_id, message("assistant", "hi"))
    assert give_title(database, user_id, made, say("Other")) is None
    assert database.run(conversations.get, user_id, made).title is None


def test_a_conversation_may_be_gone_before_it_has_a_title(database: Database, user_id: int) -> None:
    made = converse(database, user_id, message("user", "hi"))
    database.run(conversations.delete, user_id, made)
    with pytest.raises(RecordNotFound):
        give_title(database, user_id, made, say("Other"))
