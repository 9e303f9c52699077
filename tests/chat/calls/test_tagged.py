from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from server.chat.calls.tagged import Tagged
from server.chat.families.tagged_arguments import deepseek_v32
from server.chat.families.tagged_arguments.deepseek_v32 import DeepSeekV4, DeepSeekV32
from server.chat.families.tagged_arguments.glm import Glm
from server.chat.families.tagged_arguments.hunyuan3 import Hunyuan3
from server.chat.families.tagged_arguments.minicpm import MiniCpm
from server.chat.families.tagged_arguments.minimax import MiniMax
from server.chat.families.tagged_arguments.qwen_coder import QwenCoder, SeedOss
from server.chat.tools import Tool
from tests.chat.tool_families import (
    PARIS,
    TOOLS,
    UNBOUNDED_TOOLS,
    Arguments,
    Follower,
    Render,
    check_format,
    check_grammar,
    check_random_outputs,
    streamed,
    taken_apart,
)

Written = Sequence[tuple[str, Arguments]]
PARIS_CALL = ("call", "get_weather", '{"city": "Paris"}')


def bare(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def qwen_coder(calls: Written) -> str:
    written = []
    for name, arguments in calls:
        parameters = "".join(f"<parameter={key}>\n{bare(value)}\n</parameter>\n" for key, value in arguments.items())
        written.append(f"<tool_call>\n<function={name}>\n{parameters}</function>\n</tool_call>")
    return "\n".join(written)


def seed_oss(calls: Written) -> str:
    written = []
    for name, arguments in calls:
        parameters = "".join(f"<parameter={key}>{bare(value)}</parameter>\n" for key, value in arguments.items())
        written.append(f"<seed:tool_call>\n<function={name}>\n{parameters}</function>\n</seed:tool_call>")
    return "\n".join(written)


def glm(calls: Written) -> str:
    written = []
    for name, arguments in calls:
        parameters = "".join(
            f"<arg_key>{key}</arg_key>\n<arg_value>{bare(value)}</arg_value>\n" for key, value in arguments.items()
        )
        written.append(f"<tool_call>{name}\n{parameters}</tool_call>")
    return "\n".join(written)


def minimax(calls: Written) -> str:
    written = []
    for name, arguments in calls:
        parameters = "".join(f'<parameter name="{key}">{bare(value)}</parameter>\n' for key, value in arguments.items())
        written.append(f'<invoke name="{name}">\n{parameters}</invoke>\n')
    return f"<minimax:tool_call>\n{''.join(written)}</minimax:tool_call>"


def dsml(calls: Written, outer: str = "function_calls") -> str:
    written = []
    for name, arguments in calls:
        parameters = "".join(
            f'<parameter name="{key}" string="{str(isinstance(value, str)).lower()}">{bare(value)}</parameter>\n'
            for key, value in arguments.items()
        )
        written.append(f'<invoke name="{name}">\n{parameters}</invoke>\n')
    text = f"<{outer}>\n{''.join(written)}</{outer}>"
    for tag in (outer, "invoke", "parameter"):
        text = text.replace(f"<{tag}", f"<{deepseek_v32.MARK}{tag}").replace(f"</{tag}", f"</{deepseek_v32.MARK}{tag}")
    return text


def dsml_v4(calls: Written) -> str:
    return dsml(calls, "tool_calls")


def hunyuan3(calls: Written) -> str:
    written = []
    for name, arguments in calls:
        parameters = "".join(
            f"<arg_key>{key}</arg_key>\n<arg_value>{bare(value)}</arg_value>\n" for key, value in arguments.items()
        )
        written.append(f"<tool_call>{name}<tool_sep>\n{parameters}</tool_call>\n")
    text = f"<tool_calls>\n{''.join(written)}</tool_calls>"
    for tag in ("tool_calls", "tool_call", "tool_sep", "arg_key", "arg_value"):
        text = text.replace(f"{tag}>", f"{tag}:opensource>")
    return text


def minicpm(calls: Written) -> str:
    written = []
    for name, arguments in calls:
        parameters = "".join(f'<param name="{key}">{cdata(value)}</param>' for key, value in arguments.items())
        written.append(f'<function name="{name}">{parameters}</function>')
    return "\n".join(written)


def cdata(value: object) -> str:
    needs_more = isinstance(value, str) and any(mark in value for mark in "<&\n")
    return f"<![CDATA[{value}]]>" if needs_more else bare(value)


def json_markers(family: Tagged) -> tuple[str, str]:
    tags = family.tags
    return tags.json_start or tags.call_start, tags.json_end or tags.call_end


def json_call(family: Tagged, call: str) -> str:
    (start, end), space = json_markers(family), family.tags.call_space
    return f"{start}{space}{call}{space}{end}"


def ends_of(family: Tagged) -> list[str]:
    """What texts end with, in CDATA or bare."""
    end = family.tags.value_end
    return [f"]]>{end}", end] if family.tags.has_cdata else [end]


FORMATS: list[tuple[Tagged, Render]] = [
    (QwenCoder(), qwen_coder),
    (SeedOss(), seed_oss),
    (Glm(), glm),
    (MiniMax(), minimax),
    (Hunyuan3(), hunyuan3),
    (MiniCpm(), minicpm),
    (DeepSeekV32(), dsml),
    (DeepSeekV4(), dsml_v4),
]
all_formats = pytest.mark.parametrize(("family", "render"), FORMATS, ids=lambda value: getattr(value, "name", ""))


@all_formats
def test_outputs_are_taken_apart(family: Tagged, render: Render) -> None:
    tags = family.tags
    ends = [tags.value_end, tags.value_start] if tags.value_start else [tags.value_end]
    check_format(family, render, ends_of_text=ends)


@all_formats
def test_the_grammar_takes_calls_and_nothing_else(family: Tagged, render: Render) -> None:
    check_grammar(family, render, tools=UNBOUNDED_TOOLS, ends_of_text=ends_of(family))


@all_formats
def test_a_function_that_tags_cannot_promise_is_called_in_json(family: Tagged, render: Render) -> None:
    assert not Follower(family, TOOLS).accepts(render([PARIS]))
    check_random_outputs(family, ends_of_text=ends_of(family))


@all_formats
def test_calls_in_json_between_the_same_markers_are_read(family: Tagged, render: Render) -> None:
    start, end = json_markers(family)
    text = f'{start}\n{{"name": "get_weather", "arguments": {{"city": "Paris"}}}}\n{end}'
    assert taken_apart(family, text) == [PARIS_CALL]


@pytest.mark.parametrize(("family", "render"), FORMATS[:-2], ids=lambda value: getattr(value, "name", ""))
def test_values_come_with_the_types_of_the_schema(family: Tagged, render: Render) -> None:
    schema = {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "count": {"type": "integer"},
            "flag": {"type": "boolean"},
            "any": {},
            "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "list": {"$ref": "#/$defs/list"},
            "choice": {"enum": ["1", "2"]},
        },
        "$defs": {"list": {"type": "array"}},
    }
    tools = [Tool("f", schema)]
    for name, written, expected in (
        ("text", "12", '"12"'),
        ("text", '"12"', '"\\"12\\""'),
        ("count", "12", "12"),
        ("count", "twelve", '"twelve"'),
        ("flag", "True", "true"),
        ("flag", "false", "false"),
        ("any", "1.50", "1.50"),
        ("any", "word", '"word"'),
        ("any", '{"a": [1]}', '{"a": [1]}'),
        ("either", "null", "null"),
        ("either", "12", '"12"'),
        ("list", "['a', None]", '["a", null]'),
        ("list", "[1,2]", "[1,2]"),
        ("choice", "1", '"1"'),
        ("other", "3", "3"),
    ):
        assert taken_apart(family, render([("f", {name: written})]), tools) == [
            ("call", "f", f'{{"{name}": {expected}}}')
        ], (name, written)


def test_strings_are_passed_on_while_they_come() -> None:
    pieces = [
        "<tool_call>\n<function=get_wea",
        "ther>\n<param",
        "eter=city>\nPa",
        "r",
        "is\n</param",
        "eter>\n</fun",
        "ction>",
    ]
    assert streamed(QwenCoder(), pieces) == [
        [],
        [("start", "get_weather")],
        [("arguments", '{"city": "Pa')],
        [("arguments", "r")],
        [("arguments", "is")],
        [("arguments", '"')],
        [("arguments", "}")],
        [],
    ]


def test_forgotten_tags_are_forgiven_where_the_call_is_whole() -> None:
    whole = qwen_coder([PARIS])
    for forgotten in ("<tool_call>\n", "</function>\n", "\n</tool_call>"):
        assert taken_apart(QwenCoder(), whole.replace(forgotten, "")) == [PARIS_CALL]
    assert taken_apart(Glm(), "<tool_call>get_time</tool_call>") == [("call", "get_time", "{}")]
    assert taken_apart(Glm(), glm([PARIS]).replace("\n", "")) == [PARIS_CALL]
    unmarked = hunyuan3([PARIS]).removeprefix("<tool_calls:opensource>\n").removesuffix("</tool_calls:opensource>")
    assert taken_apart(Hunyuan3(), unmarked) == [PARIS_CALL]


def test_functions_between_one_pair_of_markers_may_be_tags_and_json() -> None:
    json_call = '{"name": "get_weather", "arguments": {"city": "Paris"}}\n'
    mixed = minimax([PARIS, PARIS]).replace("<invoke", f"{json_call}<invoke", 1).replace("</mini", f"{json_call}</mini")
    assert taken_apart(MiniMax(), mixed) == [PARIS_CALL] * 4


def test_every_function_may_have_markers_of_its_own() -> None:
    assert taken_apart(MiniMax(), f"{minimax([PARIS])}\n{minimax([PARIS])}") == [PARIS_CALL, PARIS_CALL]


def test_cdata_is_text_as_it_stands_there_whatever_the_schema_says() -> None:
    for key in ("text", "score"):
        call = f'<function name="write-note"><param name="{key}"><![CDATA[\n</param> & 7\n]]></param></function>'
        expected = json.dumps({key: "\n</param> & 7\n"})
        assert taken_apart(MiniCpm(), call) == [("call", "write-note", expected)]


def test_a_call_that_was_cut_off_is_not_closed() -> None:
    text = qwen_coder([PARIS]).removesuffix("</function>\n</tool_call>")
    assert taken_apart(QwenCoder(), text)[0] == ("call", "get_weather", '{"city": "Paris"')


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"type": "string", "pattern": "^x+$"}}, "required": ["a"]},
        {"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "required": ["a"]},
        {"type": "object", "properties": {'a"<>b': {"type": "string"}}, "required": ['a"<>b']},
        {"type": "object", "properties": {}, "required": ["a"]},
        {"type": "object", "anyOf": [{"required": ["a"]}], "properties": {"a": {"type": "string"}}},
    ],
)
@all_formats
def test_what_tags_cannot_promise_is_constrained_as_json(family: Tagged, render: Render, schema: Arguments) -> None:
    tools = [Tool("f", schema)]
    follower = Follower(family, tools)
    key = 'a"<>b' if 'a"<>b' in schema["properties"] else "a"
    text = json_call(family, f'{{"name": "f", "arguments": {{{json.dumps(key)}: "xx"}}}}')
    assert follower.accepts(text), follower.source
    assert taken_apart(family, text, tools) == [("call", "f", f'{{{json.dumps(key)}: "xx"}}')]
    assert not follower.accepts(render([("f", {key: "xx"})]))


def test_deepseek_v3_2_says_itself_what_is_a_string() -> None:
    text = dsml([("write-note", {"text": 12, "score": "x", "more": "7", "rest": 7})])
    assert taken_apart(DeepSeekV32(), text) == [
        ("call", "write-note", '{"text": "12", "score": "x", "more": "7", "rest": 7}')
    ]
