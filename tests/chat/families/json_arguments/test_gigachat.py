from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from server.chat.families.json_arguments.gigachat import GigaChat3, GigaChat31
from tests.chat.tool_families import PARIS, Arguments, Render, check_format, check_grammar, taken_apart

PARIS_CALL = ("call", "get_weather", '{"city": "Paris"}')


def objects(calls: Sequence[tuple[str, Arguments]], opening: str) -> str:
    called = ({"name": name, "arguments": arguments} for name, arguments in calls)
    return "".join(f"{opening}{json.dumps(call, ensure_ascii=False)}" for call in called)


def gigachat3(calls: Sequence[tuple[str, Arguments]]) -> str:
    return objects(calls, "function call<|role_sep|>\n")


def gigachat31(calls: Sequence[tuple[str, Arguments]]) -> str:
    return objects(calls, "<|function_call|>")


FORMATS = [(GigaChat3(), gigachat3), (GigaChat31(), gigachat31)]
both = pytest.mark.parametrize(("family", "render"), FORMATS, ids=lambda value: getattr(value, "name", ""))


@both
def test_outputs_are_taken_apart(family: GigaChat31, render: Render) -> None:
    check_format(family, render)


@both
def test_the_grammar_takes_calls_and_nothing_else(family: GigaChat31, render: Render) -> None:
    check_grammar(family, render, holds_several=False)


@both
def test_the_end_of_a_call_s_turn_is_nobody_s_text(family: GigaChat31, render: Render) -> None:
    assert taken_apart(family, f"{render([PARIS])}<|message_sep|>\n\n") == [PARIS_CALL]


def test_a_call_may_stand_behind_the_turn_of_the_answer() -> None:
    text = f"I'll look.<|message_sep|>\n\n{gigachat3([PARIS])}<|message_sep|>\n\n"
    assert taken_apart(GigaChat3(), text) == [("content", "I'll look."), PARIS_CALL]
