from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from server.answers.parts import ContentText, OutputPart, ReasoningText, ToolCallStarted
from server.chat.families.with_reasoning.kimi_k3 import KimiK3, KimiK3Parser
from server.chat.output.plan import plan_output
from server.chat.prompted_tools import render_chat
from server.chat.tools import Tool, ToolUse
from server.engine.stop_strings import StopStrings
from server.protocol.values import Grammar
from tests.chat.published_templates import compiled, sources
from tests.chat.tool_families import (
    PARIS,
    SUM,
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

PARIS_CALL = ("call", "get_weather", '{"city": "Paris"}')
SUM_CALL = ("call", "add", json.dumps(SUM[1]))
THOUGHT = ("reasoning", "We need {json}.")
THINKING, ANSWERING = KimiK3("think"), KimiK3("response")
TOOLS_START, TOOLS_END = "<|open|>tools<|sep|>", "<|close|>tools<|sep|><|close|>message<|sep|>"
THOUGHT_END, SILENCE = "<|close|>think<|sep|>", "<|open|>response<|sep|><|close|>response<|sep|>"

ENDS = ["<|close|>think<|sep|>", "<|close|>argument<|sep|>"]


def type_of(value: object) -> str:
    types = {str: "string", bool: "boolean", int: "number", float: "number", dict: "object", list: "array"}
    return types.get(type(value), "null")


def argument(key: str, value: object) -> str:
    written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f'<|open|>argument key="{key}" type="{type_of(value)}"<|sep|>{written}<|close|>argument<|sep|>'


def call(name: str, written: str, index: int = 1) -> str:
    return f'<|open|>call tool="{name}" index="{index}"<|sep|>{written}<|close|>call<|sep|>'


def kimi_k3(calls: Sequence[tuple[str, Arguments]]) -> str:
    written = (
        call(name, "".join(argument(*item) for item in arguments.items()), index)
        for index, (name, arguments) in enumerate(calls, 1)
    )
    return f"{TOOLS_START}{''.join(written)}{TOOLS_END}"


def as_json(name: str, arguments: Arguments) -> str:
    block = f'<|open|>json type="object"<|sep|>{json.dumps(arguments)}<|close|>json<|sep|>'
    return f"{TOOLS_START}{call(name, block)}{TOOLS_END}"


def said(text: str) -> str:
    """What remains of a call of nobody: the call, without the section's tags; or of half a tag, half a marker."""
    inside = text.removeprefix(TOOLS_START).removesuffix(TOOLS_END)
    return "" if inside.startswith("<|open|>") and "<|sep|>" not in inside else inside


def test_outputs_are_taken_apart() -> None:
    check_format(KimiK3(), kimi_k3, as_text=said)


def test_the_grammar_takes_calls_and_nothing_else() -> None:
    check_grammar(KimiK3(), kimi_k3, tools=UNBOUNDED_TOOLS, ends_of_text=ENDS)


def test_reasoning_content_and_calls_come_apart() -> None:
    rest = "<|open|>response<|sep|> I'll look.\n<|close|>response<|sep|>"
    parts = [THOUGHT, ("content", " I'll look.\n")]
    end = "<|close|>message<|sep|>"
    for family, thought in ((THINKING, "We need {json}."), (KimiK3(), "<|open|>think<|sep|>We need {json}.")):
        text = f"{thought}{THOUGHT_END}{rest}"
        assert taken_apart(family, f"{text}{end}") == parts
        assert taken_apart(family, f"{text}{kimi_k3([PARIS, SUM])}") == [*parts, PARIS_CALL, SUM_CALL]
        assert taken_apart(family, f"{thought}{THOUGHT_END}{SILENCE}{kimi_k3([PARIS])}") == [THOUGHT, PARIS_CALL]


def test_a_prompt_may_end_inside_of_the_response() -> None:
    assert taken_apart(ANSWERING, "Hi <b>\n") == [("content", "Hi <b>\n")]
    text = f"Hi.<|close|>response<|sep|>{kimi_k3([PARIS])}"
    assert taken_apart(ANSWERING, text) == [("content", "Hi."), PARIS_CALL]


def test_answers_without_tools_are_taken_apart_too() -> None:
    text = f"We need {{json}}.{THOUGHT_END}<|open|>response<|sep|>Hi<|close|>response<|sep|><|close|>message<|sep|>"
    assert taken_apart(THINKING, text, tools=()) == [THOUGHT, ("content", "Hi")]


def test_tags_may_be_forgotten() -> None:
    assert taken_apart(THINKING, "We need {json}.<|open|>response<|sep|>Hi") == [THOUGHT, ("content", "Hi")]
    assert taken_apart(THINKING, f"We need {{json}}.{kimi_k3([PARIS])}") == [THOUGHT, PARIS_CALL]
    assert taken_apart(ANSWERING, f"Hi{kimi_k3([PARIS])}") == [("content", "Hi"), PARIS_CALL]
    assert taken_apart(ANSWERING, "Hi<|close|>message<|sep|>") == [("content", "Hi")]
    text = kimi_k3([PARIS, SUM]).replace("<|close|>call<|sep|>", "")
    assert taken_apart(KimiK3(), text) == [PARIS_CALL, SUM_CALL]


@pytest.mark.parametrize(
    "text", ["<|close|>respon", "<|open|>", "<|open|>tools", "<|open|>tools<|sep|><|open|>call to"]
)
def test_half_a_tag_is_nobody_s_text(text: str) -> None:
    assert taken_apart(ANSWERING, f"Hi{text}") == [("content", "Hi")]


def test_markers_in_texts_are_texts() -> None:
    assert taken_apart(ANSWERING, "The <|open|> and <|close|>think.") == [
        ("content", "The <|open|> and <|close|>think.")
    ]
    assert taken_apart(THINKING, "A <|sep|>!") == [("reasoning", "A <|sep|>!")]


def test_arguments_are_passed_on_while_they_come() -> None:
    pieces = [
        '<|open|>tools<|sep|><|open|>call tool="get_weather" index="1"<|sep|>',
        '<|open|>argument key="city" type="string"<|sep|>\nPa',
        "ris",
        '<|close|>argument<|sep|><|open|>argument key="days" type="array"<|sep|>[1',
        "]<|close|>argument<|sep|>",
        "<|close|>call<|sep|>",
    ]
    assert streamed(KimiK3(), pieces) == [
        [("start", "get_weather")],
        [("arguments", '{"city": "\\nPa')],
        [("arguments", "ris")],
        [("arguments", '", "days": ')],
        [("arguments", "[1]")],
        [("arguments", "}")],
        [],
    ]


def test_arguments_may_be_one_json_object() -> None:
    assert taken_apart(KimiK3(), as_json("get_weather", {"city": "Paris", "days": [1]})) == [
        ("call", "get_weather", '{"city": "Paris", "days": [1]}')
    ]


def test_values_come_with_their_types() -> None:
    schema = {"type": "object", "properties": {"text": {"type": "string"}, "a&b": {}, "count": {"type": "integer"}}}
    tools = [Tool("f", schema)]
    for key, kind, written, expected in (
        ("text", "number", "012", '{"text": "012"}'),
        ("count", "number", "12", '{"count": 12}'),
        ("count", "string", "12", '{"count": "12"}'),
        ("other", "string", "null", '{"other": "null"}'),
        ("other", "boolean", "true", '{"other": true}'),
        ("a&amp;b", "object", '{"x": "<|close|>argument<|sep|>"}', '{"a&b": {"x": "<|close|>argument<|sep|>"}}'),
        ("say &quot;&amp;&quot;", "null", "null", '{"say \\"&\\"": null}'),
    ):
        value = f'<|open|>argument key="{key}" type="{kind}"<|sep|>{written}<|close|>argument<|sep|>'
        text = f"{TOOLS_START}{call('f', value)}{TOOLS_END}"
        assert taken_apart(KimiK3(), text, tools) == [("call", "f", expected)]


def test_what_tags_cannot_promise_is_constrained_as_json() -> None:
    follower = Follower(KimiK3(), TOOLS)
    assert follower.accepts(as_json(*PARIS))
    assert not follower.accepts(kimi_k3([PARIS]))
    assert not follower.accepts(as_json("get_weather", {"city": "A long name"}))
    check_random_outputs(KimiK3(), ends_of_text=ENDS)


@pytest.mark.parametrize(
    "schema",
    [{"type": ["string", "null"]}, {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}],
)
def test_a_text_or_something_else_is_told_by_its_tag(schema: Arguments) -> None:
    parameters: dict[str, Any] = {"type": "object", "properties": {'a"&<b>': schema}, "required": ['a"&<b>']}
    tools = [Tool("f", parameters)]
    for has_control in (False, True):
        follower = Follower(KimiK3(), tools, has_control=has_control)
        for value in ("null", None, ""):
            written = argument("a&quot;&amp;<b>", value)
            text = f"{TOOLS_START}{call('f', written)}{TOOLS_END}"
            assert follower.accepts(text), follower.source
            assert taken_apart(KimiK3(), text, tools) == [("call", "f", json.dumps({'a"&<b>': value}))]
        assert not follower.accepts(f"{TOOLS_START}{call('f', argument('a&quot;&amp;<b>', 7))}{TOOLS_END}")


@pytest.mark.parametrize("has_control", [False, True])
def test_a_forced_call_stands_behind_the_section_that_the_prompt_opens(has_control: bool) -> None:
    thinking = Follower(THINKING, UNBOUNDED_TOOLS, has_control=has_control)
    for thought in ("", "We need\n{json}."):
        assert thinking.accepts(f"{thought}{THOUGHT_END}{SILENCE}{kimi_k3([PARIS])}")
    assert not thinking.accepts(kimi_k3([PARIS]))
    answering = Follower(ANSWERING, UNBOUNDED_TOOLS, has_control=has_control)
    assert answering.accepts(f"<|close|>response<|sep|>{kimi_k3([PARIS])}")
    assert not answering.accepts(kimi_k3([PARIS]))
    for family in (THINKING, ANSWERING):
        check_random_outputs(family, UNBOUNDED_TOOLS, ENDS)


@pytest.mark.parametrize(
    ("thinking", "begun", "thoughts"),
    [
        (True, f"We need {{json}}.{THOUGHT_END}{SILENCE}", [ReasoningText("We need {json}.")]),
        (False, "<|close|>response<|sep|>", []),
    ],
)
def test_the_published_template_is_read_behind_the_section_that_it_opens(
    thinking: bool, begun: str, thoughts: list[OutputPart]
) -> None:
    template = compiled(sources()["Kimi-K3"])
    use = ToolUse(UNBOUNDED_TOOLS, must_call=True)
    prompt = render_chat(template, [{"role": "user", "content": "Hi"}], use, {"thinking": thinking})
    plan = plan_output(template, prompt, use=use)
    assert plan.thoughts is not None and plan.thoughts.are_open == thinking
    parser = plan.make_parser()
    *before, call = parser.feed(f"{begun}{kimi_k3([('get_time', {})])}")[:-1]
    assert before == thoughts
    assert isinstance(call, ToolCallStarted) and call.name == "get_time"


def test_a_content_that_goes_on_is_content() -> None:
    template = compiled(sources()["Kimi-K3"])
    prompt = render_chat(template, [{"role": "user", "content": "Hi"}], ToolUse(()))
    plan = plan_output(template, prompt, begun="It is", answer=Grammar("regex", "x"))
    parser = plan.make_parser()
    assert parser.feed(" 7<|close|>response<|sep|>") + parser.finish() == [ContentText(" 7")]
    assert plan.grammar == Grammar("regex", "x")


def test_reasoning_is_known_while_it_comes() -> None:
    parser = KimiK3Parser(TOOLS, "think")
    told = []
    for piece in ("We", " need", "<|close|>", "think", "<|sep|>", "<|open|>", "response", "<|sep|>", "Hi"):
        parser.feed(piece)
        told.append(parser.is_reasoning)
    assert told == [True, True, True, True, True, False, False, False, False]


def test_stop_strings_count_in_content_and_arguments_only() -> None:
    text = f"We need {{json}}.{THOUGHT_END}<|open|>response<|sep|>It is 7.<|close|>response<|sep|>{kimi_k3([PARIS])}"
    for stop, is_stopped in (("need", False), ("response", False), ("city", False), ("7", True), ("Paris", True)):
        assert StopStrings([stop], THINKING.thoughts).look(text).is_stopped == is_stopped, stop
