from __future__ import annotations

import json
from collections.abc import Sequence

from server.chat.families.json_arguments.llama import Llama
from tests.chat.tool_families import PARIS, Arguments, check_format, check_grammar, streamed, taken_apart

PARIS_CALL = ("call", "get_weather", '{"city": "Paris"}')


def llama(calls: Sequence[tuple[str, Arguments]]) -> str:
    called = [{"name": name, "parameters": arguments} for name, arguments in calls]
    return "; ".join(json.dumps(call, ensure_ascii=False) for call in called)


def test_outputs_are_taken_apart() -> None:
    check_format(Llama(), llama, is_bare=True)


def test_the_grammar_takes_calls_and_nothing_else() -> None:
    check_grammar(Llama(), llama)


def test_the_tag_may_come_first_or_behind_text() -> None:
    tagged = f"<|python_tag|>{llama([PARIS])}"
    assert taken_apart(Llama(), tagged) == [PARIS_CALL]
    assert taken_apart(Llama(), f"\n{tagged}\n") == [PARIS_CALL]
    assert taken_apart(Llama(), f"Well: {tagged}") == [("content", "Well:"), PARIS_CALL]
    code = '<|python_tag|>brave_search.call(query="x")'
    assert taken_apart(Llama(), code) == [("content", code)]


def test_a_bare_call_behind_text_is_text() -> None:
    text = f"Like this: {llama([PARIS])}"
    assert taken_apart(Llama(), text) == [("content", text)]


def test_an_answer_in_json_is_text_and_not_held_back_for_long() -> None:
    assert streamed(Llama(), [' {"answer', '": "', "a long ", 'text"}']) == [
        [],
        [("content", ' {"answer": "')],
        [("content", "a long")],
        [("content", ' text"}')],
        [],
    ]


def test_types_and_other_names_are_read() -> None:
    text = '\n{"type": "function", "name": "get_weather", "arguments": {"city": "Paris"}}'
    assert taken_apart(Llama(), text) == [PARIS_CALL]
    text = '{"type": "function", "function": "get_weather", "parameters": {"city": "Paris"}}'
    assert taken_apart(Llama(), text) == [PARIS_CALL]
    assert taken_apart(Llama(), f"[{text}]") == [PARIS_CALL]
