from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from server.chat.families.literal_arguments.gemma import FunctionGemma, Gemma
from tests.chat.tool_families import PARIS, UNBOUNDED_TOOLS, Arguments, Render, check_format, check_grammar, taken_apart
from tests.chat.tool_families import check_random_outputs as check_random

Written = Sequence[tuple[str, Arguments]]
PARIS_CALL = ("call", "get_weather", '{"city": "Paris"}')


def value_of(value: object, quote: str) -> str:
    if isinstance(value, str):
        return f"{quote}{value}{quote}"
    if isinstance(value, dict):
        return f"{{{','.join(f'{key}:{value_of(member, quote)}' for key, member in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(value_of(member, quote) for member in value)}]"
    return json.dumps(value)


def gemma(calls: Written) -> str:
    quote = Gemma.quote
    return "".join(f"<|tool_call>call:{name}{value_of(arguments, quote)}<tool_call|>" for name, arguments in calls)


def function_gemma(calls: Written) -> str:
    return (
        gemma(calls)
        .replace("<|tool_call>", "<start_function_call>")
        .replace("<tool_call|>", "<end_function_call>")
        .replace(Gemma.quote, FunctionGemma.quote)
    )


def taught(render: Render) -> Render:
    """As the grammar has it: what is inside of objects is JSON."""

    def write(calls: Written) -> str:
        written = render(calls)
        for _, arguments in calls:
            for value in arguments.values():
                if isinstance(value, dict):
                    bare = render([("f", {"x": value})]).partition("x:")[2].rpartition("}")[0]
                    written = written.replace(bare, json.dumps(value))
        return written

    return write


FORMATS: list[tuple[Gemma, Render]] = [(Gemma(), gemma), (FunctionGemma(), function_gemma)]
both = pytest.mark.parametrize(("family", "render"), FORMATS, ids=lambda value: getattr(value, "name", ""))


@both
def test_outputs_are_taken_apart(family: Gemma, render: Render) -> None:
    check_format(family, render, ends_of_text=[family.quote])


@both
def test_the_grammar_takes_calls_and_nothing_else(family: Gemma, render: Render) -> None:
    check_grammar(family, taught(render), tools=UNBOUNDED_TOOLS, ends_of_text=[family.quote])
    check_random(family, ends_of_text=[family.quote])


@both
def test_values_of_all_kinds_become_json(family: Gemma, render: Render) -> None:
    arguments = {"text": "a", "tags": {"x": ["b", {"y": []}], "z": {}}, "score": -1.5, "on": True, "none": None}
    assert taken_apart(family, render([("write-note", arguments)])) == [("call", "write-note", json.dumps(arguments))]


def test_json_and_bare_words_are_read_too() -> None:
    text = '<|tool_call>call:write-note { "text" : "a\\n}" , tags: {<|"|>k 1<|"|>:[1, word]}, score:None}<tool_call|>'
    assert taken_apart(Gemma(), text) == [
        ("call", "write-note", '{"text": "a\\n}", "tags": {"k 1": [1, "word"]}, "score": null}')
    ]


def test_depth_is_bounded() -> None:
    text = f"<|tool_call>call:add{{a:{'[' * 100}"
    (_, name, arguments), rest = taken_apart(Gemma(), text)
    assert (name, rest[0]) == ("add", "content")
    assert arguments.count("[") + rest[1].count("[") == 100


def test_a_call_behind_text() -> None:
    assert taken_apart(Gemma(), f"So {gemma([PARIS])}") == [("content", "So"), PARIS_CALL]
