from __future__ import annotations

import pytest

from server.chat.families.json_arguments.generic import Generic
from server.chat.families.json_arguments.hermes import Hermes
from tests.chat.tool_families import TOOLS, Follower, Summary, check_random_outputs, every_half, streamed, taken_apart

PARIS = ("call", "get_weather", '{"city": "Paris"}')
PARIS_TEXT = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>'

OUTPUTS: dict[str, tuple[str, Summary]] = {
    "no call": (" Hello <b>there</b>.\n", [("content", " Hello <b>there</b>.\n")]),
    "nothing": ("", []),
    "one call": (PARIS_TEXT, [PARIS]),
    "text before": (f"Let me see.\n\n{PARIS_TEXT}", [("content", "Let me see."), PARIS]),
    "text behind": (f"{PARIS_TEXT}\n\nDone.", [PARIS, ("content", "\n\nDone.")]),
    "white space behind": (f"\n{PARIS_TEXT}\n", [PARIS]),
    "several calls": (
        f'{PARIS_TEXT}\n<tool_call>\n{{"name": "get_time", "arguments": {{}}}}\n</tool_call>',
        [PARIS, ("call", "get_time", "{}")],
    ),
    "several in one pair of markers": (
        '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n{"name": "get_time"}\n</tool_call>',
        [("call", "add", '{"a": 1, "b": 2}'), ("call", "get_time", "{}")],
    ),
    "an array": (
        '<tool_call>[{"name": "add", "arguments": {"a": 1, "b": 2}}, {"name": "get_time"}]</tool_call>',
        [("call", "add", '{"a": 1, "b": 2}'), ("call", "get_time", "{}")],
    ),
    "markers, braces and escapes inside strings": (
        (
            '<tool_call>{"name": "write-note", "arguments": '
            '{"text": "a } \\"</tool_call>\\" \\\\ <tool_call>{"}}</tool_call>'
        ),
        [("call", "write-note", '{"text": "a } \\"</tool_call>\\" \\\\ <tool_call>{"}')],
    ),
    "nested JSON to the byte": (
        '<tool_call>{"name": "write-note", "arguments": { "tags" :{"é":"\\u00e9 😀"},"score":-1.50e+3}}</tool_call>',
        [("call", "write-note", '{ "tags" :{"é":"\\u00e9 😀"},"score":-1.50e+3}')],
    ),
    "line breaks inside strings are escaped": (
        '<tool_call>{"name": "write-note", "arguments": {"text": "a\n\tb\x01"}}</tool_call>',
        [("call", "write-note", '{"text": "a\\n\\tb\\u0001"}')],
    ),
    "arguments first": (
        '<tool_call>{"arguments": {"city": "Paris"}, "name": "get_weather"}</tool_call>',
        [("call", "get_weather", '{"city": "Paris"}')],
    ),
    "arguments as a string": (
        '<tool_call>{"name": "get_weather", "arguments": "{\\"city\\": \\"Paris\\"}"}</tool_call>',
        [PARIS],
    ),
    "parameters, and a type": (
        '<tool_call>{"type": "function", "name": "get_weather", "parameters": {"city": "Paris"}, "x": [1]}</tool_call>',
        [PARIS],
    ),
    "as in OpenAI's API": (
        (
            '<tool_call>{"type": "function", '
            '"function": {"name": "get_weather", "arguments": {"city": "Paris"}}}</tool_call>'
        ),
        [PARIS],
    ),
    "no arguments": ('<tool_call>{"name": "get_time", "arguments": null}</tool_call>', [("call", "get_time", "{}")]),
    "closing bracket and marker missing": (
        '<tool_call>{"name": "get_weather", "arguments": {"city": "Paris"}',
        [PARIS],
    ),
    "closing bracket missing": (
        '<tool_call>{"name": "get_weather", "arguments": {"city": "Paris"}</tool_call>',
        [PARIS],
    ),
    "half the arguments": (
        '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Par',
        [("call", "get_weather", '{"city": "Par')],
    ),
    "arguments that break": (
        '<tool_call>{"name": "add", "arguments": {"a": 1, b}} then',
        [("call", "add", '{"a": 1, '), ("content", "b}} then")],
    ),
    "an unknown function": (
        'So: <tool_call>\n{"name": "rm", "arguments": {"a": 1}}\n</tool_call> ok',
        [("content", 'So: <tool_call>\n{"name": "rm", "arguments": {"a": 1}}\n</tool_call> ok')],
    ),
    "a call behind a broken one": (
        f"<tool_call>{{'name': 1}}</tool_call>{PARIS_TEXT}",
        [("content", "<tool_call>{'name': 1}</tool_call>"), PARIS],
    ),
    "arguments that are no object": (
        '<tool_call>{"name": "add", "arguments": [1, 2]}</tool_call>',
        [("content", '<tool_call>{"name": "add", "arguments": [1, 2]}</tool_call>')],
    ),
    "an empty array": ("<tool_call>[]</tool_call>", [("content", "<tool_call>[]</tool_call>")]),
    "no name": (
        '<tool_call>{"arguments": {"a": 1}}</tool_call>',
        [("content", '<tool_call>{"arguments": {"a": 1}}</tool_call>')],
    ),
    "half a marker": ("Wait <tool_ca", [("content", "Wait <tool_ca")]),
    "another marker": ('<tool-call>{"name": "add"}', [("content", '<tool-call>{"name": "add"}')]),
    "a closing marker alone": ("</tool_call> x", [("content", "</tool_call> x")]),
}


@pytest.mark.parametrize(("text", "expected"), OUTPUTS.values(), ids=OUTPUTS)
def test_outputs_are_taken_apart(text: str, expected: Summary) -> None:
    assert taken_apart(Hermes(), text) == expected


def test_a_name_comes_at_once_and_arguments_while_they_are_written() -> None:
    pieces = [
        "Hi <",
        "tool",
        '_call>\n{"name": "get_w',
        'eather"',
        ', "arguments": {"ci',
        'ty": "P',
        'aris"',
        "}}",
        "\n</",
    ]
    assert streamed(Hermes(), pieces) == [
        [("content", "Hi")],
        [],
        [],
        [],
        [("start", "get_weather"), ("arguments", '{"ci')],
        [("arguments", 'ty": "P')],
        [("arguments", 'aris"')],
        [("arguments", "}")],
        [],
        [("content", "\n</")],
    ]


def test_half_a_call_is_text_or_a_call_with_what_was_made() -> None:
    for half in every_half(Hermes(), f"Well.\n{PARIS_TEXT}"):
        text = "".join(part[-1] for part in half)
        assert half == [] or f"Well.\n{PARIS_TEXT}".startswith(text) or half[:1] == [("content", "Well.")]


def test_without_tools_everything_is_content() -> None:
    assert taken_apart(Hermes(), PARIS_TEXT, tools=()) == [("content", PARIS_TEXT)]


def test_the_grammar_takes_calls_and_nothing_else() -> None:
    one = Follower(Hermes(), TOOLS)
    assert one.accepts(PARIS_TEXT)
    assert one.accepts('<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>')
    for wrong in (
        "",
        "Hello",
        f"{PARIS_TEXT}\n{PARIS_TEXT}",
        PARIS_TEXT.replace("Paris", "Llanfairpwll"),
        PARIS_TEXT.replace("city", "town"),
        PARIS_TEXT.replace("get_weather", "get_whether"),
        PARIS_TEXT.removesuffix("</tool_call>"),
    ):
        assert not one.accepts(wrong), wrong
    several = Follower(Hermes(), TOOLS, parallel=True, has_control=True)
    assert several.accepts(PARIS_TEXT)
    assert several.accepts("\n".join([PARIS_TEXT] * 16))
    assert not several.accepts("\n".join([PARIS_TEXT] * 17))


def test_what_the_grammar_lets_through_is_calls() -> None:
    check_random_outputs(Hermes())


def test_the_generic_format_is_explained_with_the_tools() -> None:
    generic = Generic()
    told = generic.instructions(TOOLS, parallel=False)
    assert all(f'"name": "{tool.name}"' in told for tool in TOOLS)
    assert '"maxLength": 8' in told and "one call at a time" in told
    assert "one call at a time" not in generic.instructions(TOOLS, parallel=True)


def test_what_the_generic_format_writes_it_reads() -> None:
    calls = [("get_weather", '{"city": "Paris"}'), ("get_time", "{}")]
    assert taken_apart(Generic(), Generic().written_calls(calls)) == [("call", *call) for call in calls]
    assert Follower(Generic(), TOOLS, parallel=True).accepts(Generic().written_calls(calls))
    assert Generic().written_result("get_time", "noon") == "<tool_response>\nnoon\n</tool_response>"
