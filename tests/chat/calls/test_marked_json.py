from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from server.chat.calls.marked_json import MarkedJson
from server.chat.families.json_arguments.command_r import CommandR, CommandR7B
from server.chat.families.json_arguments.granite import Granite
from server.chat.families.json_arguments.hermes import Hermes
from server.chat.families.json_arguments.hunyuan import Hunyuan
from server.chat.families.json_arguments.nemotron import Nemotron
from server.chat.families.json_arguments.phi import Phi
from tests.chat.tool_families import PARIS, Arguments, Render, check_format, check_grammar, taken_apart

Written = Sequence[tuple[str, Arguments]]


def as_array(calls: Written) -> str:
    called = [{"name": name, "arguments": arguments} for name, arguments in calls]
    return json.dumps(called, ensure_ascii=False)


def hermes(calls: Written) -> str:
    return "\n".join(f"<tool_call>\n{as_array([call])[1:-1]}\n</tool_call>" for call in calls)


def granite(calls: Written) -> str:
    return f"<|tool_call|>{as_array(calls)}"


def phi(calls: Written) -> str:
    return f"<|tool_call|>{as_array(calls)}<|/tool_call|>"


def nemotron(calls: Written) -> str:
    return f"<TOOLCALL>{as_array(calls)}</TOOLCALL>"


def hunyuan(calls: Written) -> str:
    return f"<tool_calls>{as_array(calls)}</tool_calls>"


def command_r7b(calls: Written) -> str:
    called = [
        {"tool_call_id": str(number), "tool_name": name, "parameters": arguments}
        for number, (name, arguments) in enumerate(calls)
    ]
    lines = ",\n".join(f"    {json.dumps(call, ensure_ascii=False)}" for call in called)
    return f"<|START_ACTION|>[\n{lines}\n]<|END_ACTION|>"


def command_r(calls: Written) -> str:
    called = [{"tool_name": name, "parameters": arguments} for name, arguments in calls]
    lines = ",\n".join(f"    {json.dumps(call, ensure_ascii=False)}" for call in called)
    return f"Action: ```json\n[\n{lines}\n]```"


FORMATS: list[tuple[MarkedJson, Render]] = [
    (Hermes(), hermes),
    (Granite(), granite),
    (Phi(), phi),
    (Nemotron(), nemotron),
    (Hunyuan(), hunyuan),
    (CommandR7B(), command_r7b),
    (CommandR(), command_r),
]
both = pytest.mark.parametrize(("family", "render"), FORMATS, ids=lambda value: getattr(value, "name", ""))


@both
def test_outputs_are_taken_apart(family: MarkedJson, render: Render) -> None:
    check_format(family, render)


@both
def test_the_grammar_takes_calls_and_nothing_else(family: MarkedJson, render: Render) -> None:
    check_grammar(family, render)


PARIS_CALL = ("call", "get_weather", '{"city": "Paris"}')


def test_granite_3_1_writes_another_marker() -> None:
    text = granite([PARIS]).replace("<|tool_call|>", "<tool_call>")
    assert taken_apart(Granite(), text) == [PARIS_CALL]


def test_phi_calls_functools_too_and_single_objects() -> None:
    assert taken_apart(Phi(), f"functools{as_array([PARIS])}") == [PARIS_CALL]
    assert taken_apart(Phi(), f"<|tool_call|>{as_array([PARIS])[1:-1]}<|/tool_call|>") == [PARIS_CALL]
    assert taken_apart(Phi(), "import functools\nfunctools[0]") == [("content", "import functools\nfunctools[0]")]


def test_lines_of_objects_are_calls_as_well() -> None:
    lines = "\n".join(as_array([PARIS])[1:-1] for _ in range(2))
    assert taken_apart(Hunyuan(), f"<tool_calls>\n{lines}\n</tool_calls>") == [PARIS_CALL, PARIS_CALL]


def test_command_r_answers_directly_in_text() -> None:
    text = 'Action: ```json\n[\n    {\n        "tool_name": "directly_answer",\n        "parameters": {}\n    }\n]```'
    assert taken_apart(CommandR(), text) == [("content", text)]
    fenced = '\n    {\n        "tool_name": "get_weather",\n        "parameters": {"city": "Paris"}\n    }\n'
    assert taken_apart(CommandR(), f"Plan.\nAction:```json\n[{fenced}]\n```") == [("content", "Plan."), PARIS_CALL]


def test_numbers_of_calls_are_read_over() -> None:
    text = '<|START_ACTION|>[{"tool_call_id": 7, "tool_name": "get_weather", "parameters": {"city": "Paris"}}]'
    assert taken_apart(CommandR7B(), text) == [PARIS_CALL]
