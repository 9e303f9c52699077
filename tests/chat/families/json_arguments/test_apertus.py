from __future__ import annotations

import json
from collections.abc import Sequence

from server.chat.families.json_arguments.apertus import Apertus
from tests.chat.tool_families import Arguments, check_format, check_grammar, taken_apart

PARIS_CALL = ("call", "get_weather", '{"city": "Paris"}')


def apertus(calls: Sequence[tuple[str, Arguments]]) -> str:
    called = [{name: arguments} for name, arguments in calls]
    return f"<|tools_prefix|>{json.dumps(called, ensure_ascii=False)}<|tools_suffix|>"


def test_outputs_are_taken_apart() -> None:
    check_format(Apertus(), apertus)


def test_the_grammar_takes_calls_and_nothing_else() -> None:
    check_grammar(Apertus(), apertus)


def test_an_object_with_several_names_is_as_many_calls() -> None:
    text = '<|tools_prefix|> [ {"get_weather": {"city": "Paris"}, "get_time": {}} ]'
    assert taken_apart(Apertus(), text) == [PARIS_CALL, ("call", "get_time", "{}")]


def test_what_is_no_array_of_named_arguments_is_text() -> None:
    for text in ("<|tools_prefix|>{}", "<|tools_prefix|>[]", '<|tools_prefix|>["get_time"]'):
        assert taken_apart(Apertus(), text) == [("content", text)]
