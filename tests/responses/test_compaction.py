"""Compaction items: what they hold, what takes their place, and what a summary is made from."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.items import message
from server.responses.compaction import (
    Sealed,
    compaction_item,
    first_unreadable,
    opened,
    request_messages,
    split,
    transcript,
    unfolded,
    users_messages,
)

SYSTEM = message("system", "Be kind.")
ONE, ANSWER, TWO = message("user", "one"), message("assistant", "1"), message("user", "two")
CALL: dict[str, Any] = {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a": 1}'}
OUTPUT: dict[str, Any] = {"type": "function_call_output", "call_id": "c", "output": "42"}


def compacted(summary: str, *items: dict[str, Any]) -> dict[str, Any]:
    return compaction_item("cmp_1", Sealed(summary=summary, items=list(items)))


@given(st.text())
def test_an_item_holds_what_was_put_into_it(text: str) -> None:
    text = text.encode(errors="replace").decode()
    item = compacted(text, message("user", text))
    assert opened(item) == Sealed(summary=text, items=[message("user", text)])


@pytest.mark.parametrize(
    "content",
    [
        None,
        5,
        "",
        "x",
        "gAAAAABopaque==",
        *(base64.b64encode(text).decode() for text in (b"{}", b'{"version":2}', b"[")),
    ],
)
def test_what_another_server_made_is_not_read(content: object) -> None:
    foreign = {"type": "compaction", "encrypted_content": content}
    assert opened(foreign) is None
    assert first_unreadable([ONE, compacted("s"), foreign, foreign]) == 2


def test_items_of_other_types_are_none() -> None:
    assert opened({**compacted("s"), "type": "reasoning"}) is None
    assert first_unreadable([ONE, compacted("s")]) is None


def test_the_summary_takes_the_place_of_what_came_before() -> None:
    result = unfolded([ONE, ANSWER, compacted("We counted.", TWO), ANSWER])
    assert (result.summary, result.items) == ("We counted.", [TWO, ANSWER])


def test_the_last_compaction_counts() -> None:
    result = unfolded([compacted("old", ONE), ANSWER, compacted("new"), TWO])
    assert (result.summary, result.items) == ("new", [TWO])


def test_without_a_compaction_nothing_changes() -> None:
    assert unfolded([SYSTEM, ONE]).items == [SYSTEM, ONE]
    assert unfolded([SYSTEM, ONE]).summary is None


def test_instructions_stay_and_none_comes_twice() -> None:
    brief = message("developer", "Be brief.")
    assert unfolded([SYSTEM, brief, ONE, compacted("s", SYSTEM)]).items == [brief, SYSTEM]


def test_the_answer_to_a_compacted_call_goes_with_it() -> None:
    assert unfolded([ONE, CALL, compacted("s"), OUTPUT, TWO]).items == [TWO]
    assert unfolded([ONE, CALL, compacted("s", CALL), OUTPUT]).items == [CALL, OUTPUT]


def test_instructions_and_a_short_last_turn_are_kept() -> None:
    parts = split([SYSTEM, ONE, ANSWER, TWO, ANSWER], 1000)
    assert (parts.kept, parts.older) == ([SYSTEM, TWO, ANSWER], [ONE, ANSWER])


def test_a_long_last_turn_is_summarized_and_so_is_the_only_one() -> None:
    assert split([SYSTEM, ONE, ANSWER, TWO], 10).kept == [SYSTEM]
    assert split([ONE, ANSWER], 1000).kept == []


def test_a_call_without_an_answer_is_kept() -> None:
    parts = split([ONE, CALL, OUTPUT, {**CALL, "call_id": "open"}], 10)
    assert parts.kept == [{**CALL, "call_id": "open"}]
    assert parts.older == [ONE, CALL, OUTPUT]


def test_a_transcript_says_who_said_what() -> None:
    assert transcript([ONE, ANSWER, CALL, OUTPUT, {"type": "web_search_call"}], "We met.") == [
        "Summary of the conversation so far:\nWe met.",
        "USER: one",
        "ASSISTANT: 1",
        'ASSISTANT: [calls f as c: {"a": 1}]',
        "RESULT of c: 42",
    ]


def test_the_request_has_the_clients_instructions_and_the_conversation() -> None:
    (asked,) = request_messages("Mind the names.", ["USER: one", "ASSISTANT: 1"])
    assert asked.role == "user"
    assert "Mind the names." in asked.text
    assert "USER: one\n\nASSISTANT: 1" in asked.text


def test_the_users_messages_are_told_in_order_with_ids_of_their_own() -> None:
    ids = iter(["msg_1", "msg_2"])
    told = users_messages([SYSTEM, {**ONE, "id": "msg_old"}, ANSWER, CALL, OUTPUT, TWO], lambda prefix: next(ids))
    assert told == [{"id": "msg_1", **ONE}, {"id": "msg_2", **TWO}]
    assert unfolded([*told, compacted("s")]).items == []
