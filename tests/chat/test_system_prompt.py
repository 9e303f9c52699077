"""The operator's instructions, where nobody else gives any."""

from __future__ import annotations

from typing import Any

import pytest

from server.chat.system_prompt import with_system_prompt

QUESTION: dict[str, Any] = {"role": "user", "content": "hi"}


def test_they_come_first() -> None:
    assert with_system_prompt([QUESTION], "Be brief.") == [{"role": "system", "content": "Be brief."}, QUESTION]


@pytest.mark.parametrize("role", ["system", "developer"])
def test_the_clients_own_win_wherever_they_are(role: str) -> None:
    messages = [QUESTION, {"role": role, "content": ""}]
    assert with_system_prompt(messages, "Be brief.") == messages


@pytest.mark.parametrize("nothing", [None, ""])
def test_there_may_be_none(nothing: str | None) -> None:
    assert with_system_prompt([QUESTION], nothing) == [QUESTION]
