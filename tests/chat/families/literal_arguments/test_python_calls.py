from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from server.chat.families.literal_arguments.python_calls import BarePython, Lfm2
from server.chat.tools import Tool
from tests.chat.tool_families import PARIS, Arguments, Follower, Render, check_format, check_grammar, taken_apart

Written = Sequence[tuple[str, Arguments]]
PARIS_CALL = ("call", "get_weather", '{"city": "Paris"}')


def bare(calls: Written) -> str:
    written = []
    for name, arguments in calls:
        members = ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in arguments.items())
        written.append(f"{name}({members})")
    return f"[{', '.join(written)}]"


def lfm2(calls: Written) -> str:
    return f"<|tool_call_start|>{bare(calls)}<|tool_call_end|>"


FORMATS: list[tuple[Lfm2, Render]] = [(Lfm2(), lfm2), (BarePython(), bare)]
both = pytest.mark.parametrize(("family", "render"), FORMATS, ids=lambda value: getattr(value, "name", ""))


@both
def test_outputs_are_taken_apart(family: Lfm2, render: Render) -> None:
    check_format(family, render, is_bare=family.name == "pythonic")


@both
def test_the_grammar_takes_calls_and_nothing_else(family: Lfm2, render: Render) -> None:
    check_grammar(family, render)


def test_python_s_values_become_json() -> None:
    text = (
        """[write-note(text='it\\'s "é" )', tags={'a': 'b,', "c": (1, [None])}, score = -1.5 , on=True), get_time()]"""
    )
    expected = {"text": 'it\'s "é" )', "tags": {"a": "b,", "c": [1, [None]]}, "score": -1.5, "on": True}
    calls = [("call", "write-note", json.dumps(expected, ensure_ascii=False)), ("call", "get_time", "{}")]
    assert taken_apart(BarePython(), text) == calls
    assert taken_apart(BarePython(), f"<|python_start|>{text}<|python_end|>\n") == calls
    assert taken_apart(Lfm2(), f"<|tool_call_start|>{text}<|tool_call_end|>ok") == [*calls, ("content", "ok")]


def test_what_is_no_value_ends_the_call() -> None:
    assert taken_apart(Lfm2(), "<|tool_call_start|>[add(a=1, b=c)]") == [
        ("call", "add", '{"a": 1'),
        ("content", ", b=c)]"),
    ]


def test_names_that_python_cannot_write() -> None:
    tools = [Tool("f", {"type": "object", "properties": {"a-b": {"type": "integer"}}, "required": ["a-b"]})]
    text = '[f(**{"a-b": 1})]'
    assert Follower(BarePython(), tools).accepts(text)
    assert taken_apart(BarePython(), text, tools) == [("call", "f", '{"a-b": 1}')]


def test_lists_that_are_no_calls_are_text() -> None:
    for text in ("[1, 2]", "[x](http://y)", "[get_weather]", f"See {bare([PARIS])}"):
        assert taken_apart(BarePython(), text) == [("content", text)]
    assert taken_apart(BarePython(), f"\n{bare([PARIS])}") == [PARIS_CALL]
