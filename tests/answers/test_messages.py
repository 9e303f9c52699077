"""Messages of a conversation, and the operator's instructions where nobody else gives any."""

from __future__ import annotations

import pytest

from server.answers.messages import MediaPart, Message, TextPart, text_message, with_system_prompt

QUESTION = text_message("user", "hi")


def test_the_operators_instructions_come_first() -> None:
    assert with_system_prompt([QUESTION], "Be brief.") == (text_message("system", "Be brief."), QUESTION)


@pytest.mark.parametrize("role", ["system", "developer"])
def test_the_clients_own_win_wherever_they_are(role: str) -> None:
    messages = (QUESTION, text_message(role, ""))
    assert with_system_prompt(messages, "Be brief.") == messages


@pytest.mark.parametrize("nothing", [None, ""])
def test_there_may_be_none(nothing: str | None) -> None:
    assert with_system_prompt([QUESTION], nothing) == (QUESTION,)


def test_the_text_of_a_message_names_what_is_left_out() -> None:
    assert Message("user", (TextPart("Look:"), MediaPart("image", {}))).text.startswith("Look:\n[image: left out")
    assert Message("assistant").text == ""
