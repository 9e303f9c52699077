from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from server.answers.parts import ContentText, ReasoningText, ToolCallArguments
from server.chat.families.tagged_arguments.minimax_m3 import MiniMaxM3
from server.chat.output.plan import plan_output
from server.chat.prompted_tools import render_chat
from server.chat.tools import Tool, ToolUse
from tests.chat.chat_templates import text_of
from tests.chat.published_templates import compiled, sources
from tests.chat.tool_families import (
    PARIS,
    TOOLS,
    UNBOUNDED_TOOLS,
    Arguments,
    Follower,
    check_format,
    check_grammar,
    check_random_outputs,
    streamed,
    taken_apart,
)

NS = "]<]minimax[>["
PARIS_CALL = ("call", "get_weather", '{"city": "Paris"}')
ORDERS = Tool(
    "order",
    {
        "type": "object",
        "properties": {
            "to": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "zip": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
                "required": ["name", "zip"],
                "additionalProperties": False,
            },
            "lines": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"item": {"type": "string"}, "count": {"type": "integer"}},
                    "required": ["item"],
                },
                "minItems": 1,
                "maxItems": 3,
            },
            "notes": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["to", "lines"],
    },
)
ORDER = ("order", {"to": {"name": "Ann\n", "zip": "01234"}, "lines": [{"item": "tea"}, {"item": "5", "count": 2}]})


def element(key: str, value: object) -> str:
    return f"{NS}<{key}>{xml(value)}{NS}</{key}>"


def xml(value: object) -> str:
    if isinstance(value, Mapping):
        return "".join(element(key, member) for key, member in value.items())
    if isinstance(value, list):
        return "".join(element("item", item) for item in value)
    return value if isinstance(value, str) else json.dumps(value)


def invoked(calls: Sequence[tuple[str, str]]) -> str:
    written = (f'{NS}<invoke name="{name}">{arguments}{NS}</invoke>\n' for name, arguments in calls)
    return f"{NS}<tool_call>\n{''.join(written)}{NS}</tool_call>"


def minimax_m3(calls: Sequence[tuple[str, Arguments]]) -> str:
    return invoked([(name, xml(arguments)) for name, arguments in calls])


def with_nameless_members_as_json(calls: Sequence[tuple[str, Arguments]]) -> str:
    return minimax_m3(
        [
            (name, {key: json.dumps(value) if key == "tags" else value for key, value in arguments.items()})
            for name, arguments in calls
        ]
    )


def ends(*keys: str) -> list[str]:
    return [f"{NS}</{key}>" for key in keys]


def test_outputs_are_taken_apart() -> None:
    check_format(MiniMaxM3(), minimax_m3)


def test_the_grammar_takes_calls_and_nothing_else() -> None:
    check_grammar(
        MiniMaxM3(), with_nameless_members_as_json, tools=UNBOUNDED_TOOLS, ends_of_text=ends("city", "unit", "text")
    )


def test_members_and_items_are_elements_as_deep_as_it_goes() -> None:
    expected = ("call", "order", json.dumps(ORDER[1]))
    tools = [ORDERS]
    assert taken_apart(MiniMaxM3(), minimax_m3([ORDER]), tools) == [expected]
    spaced = (
        minimax_m3([ORDER]).replace(f"{NS}<lines>", f"\n {NS}<lines>\n").replace(f"{NS}</lines>", f"\n{NS}</lines>")
    )
    assert taken_apart(MiniMaxM3(), spaced, tools) == [expected]
    for has_control in (False, True):
        follower = Follower(MiniMaxM3(), tools, has_control=has_control)
        assert follower.accepts(minimax_m3([ORDER]))
        for name, wrong in (("lines", []), ("lines", [{"item": "tea"}] * 4), ("lines", [{"count": 2}]), ("to", {})):
            assert not follower.accepts(minimax_m3([("order", {**ORDER[1], name: wrong})]))
    check_random_outputs(MiniMaxM3(), tools, ends("name", "zip", "item"))


def test_the_schema_says_what_an_element_is() -> None:
    schema = {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "count": {"type": "integer"},
            "any": {},
            "either": {"type": ["string", "null"]},
            "list": {"$ref": "#/$defs/list"},
            "maybe": {"anyOf": [{"type": "object", "properties": {"item": {"type": "string"}}}, {"type": "null"}]},
            "names": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "$defs": {"list": {"type": "array", "items": {"type": "string"}}},
    }
    tools = [Tool("f", schema)]
    for key, written, expected in (
        ("text", "", '""'),
        ("text", "\n 12 ", '"\\n 12 "'),
        ("count", "12", "12"),
        ("count", "twelve", '"twelve"'),
        ("any", "true", "true"),
        ("any", "word", '"word"'),
        ("any", " \n", '" \\n"'),
        ("any", xml([1, [2]]), "[1, [2]]"),
        ("any", xml({"a": 1, "b": {"c": "x"}}), '{"a": 1, "b": {"c": "x"}}'),
        ("either", "", '""'),
        ("either", "null", "null"),
        ("either", "\n", '"\\n"'),
        ("list", xml(["1", "2"]), '["1", "2"]'),
        ("list", "", "[]"),
        ("list", '["a"]', '["a"]'),
        ("maybe", xml({"item": "1"}), '{"item": "1"}'),
        ("maybe", "", "{}"),
        ("names", xml({"a": "1"}), '{"a": "1"}'),
        ("names", '{"a": "1"}', '{"a": "1"}'),
        ("other", "3", "3"),
    ):
        text = invoked([("f", f"{NS}<{key}>{written}{NS}</{key}>")])
        assert taken_apart(MiniMaxM3(), text, tools) == [("call", "f", f'{{"{key}": {expected}}}')], (key, written)


def test_arguments_are_passed_on_while_they_come() -> None:
    pieces = [
        f'{NS}<tool_call>\n{NS}<invoke name="order">{NS}<to>{NS}<na',
        "me>An",
        f"n{NS}</name>{NS}</to>{NS}<lines>",
        f"{NS}<item>{NS}<item>te",
        f"a{NS}</item>{NS}</item>",
        f"{NS}</lines>{NS}</invoke>",
    ]
    assert streamed(MiniMaxM3(), pieces, [ORDERS]) == [
        [("start", "order"), ("arguments", '{"to": ')],
        [("arguments", '{"name": "An')],
        [("arguments", 'n"}, "lines": ')],
        [("arguments", '[{"item": "te')],
        [("arguments", 'a"}')],
        [("arguments", "]}")],
        [],
    ]


def test_what_elements_cannot_promise_is_constrained_as_json() -> None:
    text = invoked([("get_weather", '{"city": "Paris"}')])
    follower = Follower(MiniMaxM3(), TOOLS)
    assert follower.accepts(text)
    assert taken_apart(MiniMaxM3(), text) == [PARIS_CALL]
    assert not follower.accepts(minimax_m3([PARIS]))
    assert not follower.accepts(text.replace("Paris", "A long name"))
    check_random_outputs(MiniMaxM3(), ends_of_text=ends("text"))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^x+$"},
        {"type": ["string", "integer"]},
        {"type": "array", "items": {"type": "string", "pattern": "^x+$"}},
        {"type": "object", "properties": {"<b>": {"type": "string"}}},
        {"type": "array", "items": {"type": "integer"}, "maxItems": 1000},
        {"enum": ["x", 1, None]},
    ],
)
def test_grammars_keep_the_schema(schema: dict[str, Any]) -> None:
    tools = [Tool("f", {"type": "object", "properties": {"a": schema}, "required": ["a"]})]
    check_random_outputs(MiniMaxM3(), tools)


def test_elements_in_elements_without_an_end_are_broken() -> None:
    deep = f"{NS}<a>" * 3000
    parts = taken_apart(MiniMaxM3(), invoked([("write-note", f"{NS}<tags>{deep[:600]}")]))
    assert parts[0][:2] == ("call", "write-note")
    parser = MiniMaxM3().parser(TOOLS)
    assert any(isinstance(part, ToolCallArguments) for part in parser.feed(invoked([("write-note", deep)])))


@pytest.mark.parametrize(
    ("thinks", "end", "begun", "thought"),
    [
        (None, "]~b]ai\n", "<mm:think>Hm.</mm:think>", "Hm."),
        (None, "]~b]ai\n", "</mm:think>", ""),
        (True, "<mm:think>", "Hm.</mm:think>", "Hm."),
        (False, "</mm:think>", "", ""),
    ],
)
def test_the_published_template_s_answers_are_read(thinks: bool | None, end: str, begun: str, thought: str) -> None:
    template = compiled(sources()["MiniMax-M3"])
    assert template.tool_family.name == "minimax-m3"
    template_kwargs = {} if thinks is None else {"enable_thinking": thinks}
    use = ToolUse(UNBOUNDED_TOOLS)
    prompt = render_chat(template, [{"role": "user", "content": "Hi"}], use, template_kwargs)
    assert text_of(prompt).endswith(end)
    parser = plan_output(template, prompt, use=use).make_parser()
    parts = parser.feed(f"{begun}I'll look.{minimax_m3([PARIS])}") + parser.finish()
    assert "".join(part.text for part in parts if isinstance(part, ReasoningText)) == thought
    assert "".join(part.text for part in parts if isinstance(part, ContentText)) == "I'll look."
    assert "".join(part.text for part in parts if isinstance(part, ToolCallArguments)) == PARIS_CALL[2]
