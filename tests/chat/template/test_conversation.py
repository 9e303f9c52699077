"""What templates are shown of messages: roles, absent values, tool calls in the form that each can take."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from server.chat.template.template import MessagesRefused
from tests.chat.chat_templates import WEATHER_CALL, inline, make, text_of

DUMP = "{% for m in messages %}{{ m | tojson }}{% endfor %}"
DUMP_CALL = "{{ c.function.arguments | tojson }}{% endfor %}{% endfor %}"


def shown(message: dict[str, Any], source: str = DUMP) -> Any:
    return json.loads(text_of(inline(source).render([message])))


def calls(arguments: str) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": arguments}}]}


def test_a_developer_speaks_as_the_system_where_the_template_knows_no_developers() -> None:
    message = {"role": "developer", "content": "Be brief."}
    assert shown(message)["role"] == "system"
    assert shown(message, DUMP + "{# developer #}")["role"] == "developer"
    assert "<|im_start|>system\nBe brief." in text_of(make("chatml").render([message]))
    assert "# Instructions\n\nBe brief." in text_of(make("channels").render([message]))


def test_names_are_passed_on_and_absent_values_are_not() -> None:
    message = {"role": "user", "content": "Hi", "name": "Ada", "tool_calls": None}
    assert shown(message) == {"role": "user", "content": "Hi", "name": "Ada"}


def test_a_role_that_nobody_knows_is_passed_on() -> None:
    assert shown({"role": "ipython", "content": "1"})["role"] == "ipython"


@pytest.mark.parametrize("message", [{"role": "user"}, {"role": "user", "content": None}])
def test_a_message_without_content_has_an_empty_one(message: dict[str, Any]) -> None:
    assert shown(message)["content"] == ""


PARTS_ONLY = """\
{% for m in messages %}{{ m['role'] | capitalize }}{% if m['content'][0]['type'] == 'image' %}:{% else %}: {% endif %}\
{% for line in m['content'] %}{% if line['type'] == 'text' %}{{ line['text'] }}{% endif %}{% endfor %}<end>
{% endfor %}"""


def test_contents_are_parts_where_the_template_shows_no_others() -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi<end>"}]
    pieces = inline(PARTS_ONLY, "<end>").render(messages)
    assert text_of(pieces) == "System: Be brief.<end>\nUser: Hi<end><end>\n"
    assert [piece.text for piece in pieces if not piece.parse_special] == ["\nUser: Hi<end>"]


def test_contents_are_texts_where_the_template_shows_both_or_neither() -> None:
    both = "{% if messages[0].content is string %}text{% endif %}{{ messages[0].content | tojson }}"
    assert text_of(inline(both).render([{"role": "user", "content": "Hi"}])) == 'text"Hi"'
    for neither in ("{{ messages[0].content is string }}", "{{ messages[0].content[::-1] == 'iH' }}"):
        assert text_of(inline(neither).render([{"role": "user", "content": "Hi"}])) == "True"
    assert text_of(inline("{{ messages[0].content[::-1] }}").render([{"role": "user", "content": "Hi"}])) == "iH"


def test_arguments_are_objects_where_the_template_dumps_them() -> None:
    source = (
        "{% for m in messages %}{% for c in m.tool_calls %}{{ c.function.arguments | tojson }}{% endfor %}{% endfor %}"
    )
    assert shown(calls('{"a": [1]}'), source) == {"a": [1]}


@pytest.mark.parametrize("tool", ["{{ tools[0] }}", "def {{ tools[0].function.name }}(needle: Optional[str] = None)"])
def test_arguments_are_objects_where_the_template_writes_tools_as_python_would(tool: str) -> None:
    source = "{% if tools %}" + tool + "{% endif %}{% for m in messages %}{% for c in m.tool_calls %}" + DUMP_CALL
    assert shown(calls('{"a": [1]}'), source) == {"a": [1]}


def test_calls_are_the_templates_where_it_shows_them_in_the_midst_only() -> None:
    source = (
        "{% for m in messages[:-1] %}{{ m.content }}{% for c in m.tool_calls %}"
        + DUMP_CALL
        + "{{ messages[-1].content }}"
    )
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    called = {"role": "assistant", "content": None, "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "1", "content": "B"}
    assert text_of(inline(source).render([{"role": "user", "content": "A"}, called, result])) == 'A{"a": 1}B'


def test_arguments_are_text_where_the_template_pastes_them() -> None:
    source = "{% for m in messages %}{% for c in m.tool_calls %}{{ '' + c.function.arguments }}{% endfor %}{% endfor %}"
    assert text_of(inline(source).render([calls('{"a":   1}')])) == '{"a":   1}'


@pytest.mark.parametrize("arguments", ["", "{", "[1]", "3", '"text"', "[" * 100_000])
def test_arguments_that_are_no_object_stay_as_the_model_wrote_them(arguments: str) -> None:
    source = (
        "{% for m in messages %}{% for c in m.tool_calls %}{{ c.function.arguments | tojson }}{% endfor %}{% endfor %}"
    )
    assert shown(calls(arguments), source) == arguments


def test_content_is_none_beside_calls_where_the_template_asks_for_that() -> None:
    asks = "{% for m in messages if m.content is none %}{{ m.tool_calls[0].function.arguments }}{% endfor %}"
    assert text_of(inline(asks).render([calls('{"a": 1}')])) == '{"a": 1}'
    assert text_of(inline(asks).render([{**calls('{"a": 1}'), "content": ""}])) == '{"a": 1}'


def test_content_is_empty_beside_calls_where_the_template_would_print_none() -> None:
    prints = "{% for m in messages %}{{ m.content if m.tool_calls }}{% for c in m.tool_calls %}" + DUMP_CALL
    assert text_of(inline(prints).render([calls('{"a": 1}')])) == '{"a": 1}'


def test_content_beside_calls_is_kept() -> None:
    message = {"role": "assistant", "content": "Let me see.", "tool_calls": [WEATHER_CALL]}
    text = text_of(make("thinking").render([{"role": "user", "content": "Hi"}, message]))
    assert "Let me see.\n<tool_call>" in text


def test_ids_are_short_where_the_template_wants_them_so() -> None:
    call_id = "call_" + "x" * 24
    call = {**WEATHER_CALL, "id": call_id}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "Rain.", "tool_call_id": call_id},
    ]
    shown_text = text_of(make("instructions").render(messages))
    ids = re.findall(r'"(?:id|call_id)": "(\w+)"', shown_text)
    assert len(ids) == 2
    assert ids[0] == ids[1]
    assert len(ids[0]) == 9
    own = [messages[0], {**messages[1], "tool_calls": [WEATHER_CALL]}, {**messages[2], "tool_call_id": "call12345"}]
    assert text_of(make("instructions").render(own)).count("call12345") == 2


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ messages[1].reasoning_content }}|{{ messages[1].content }}", "Hm.|Yes."),
        ("{{ messages[1].thinking }}|{{ messages[1].content }}", "Hm.|Yes."),
        ("{{ messages[1]['reasoning'] }}|{{ messages[1].content }}", "Hm.|Yes."),
        ("{{ messages[1].content.split('</think>') | join('|') }}", "<think>\nHm.\n|\n\nYes."),
        ("{{ messages[1].content }}", "Yes."),
    ],
)
def test_earlier_reasoning_is_where_the_template_looks_for_it(source: str, expected: str) -> None:
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Yes.", "reasoning_content": "Hm."},
    ]
    assert text_of(inline(source).render(messages)) == expected


PARTS = """{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content or [] %}
{{- '[THINK]' + p.thinking + '[/THINK]' if p.type == 'thinking' else p.text }}{% endfor %}{% endif %}
{%- for c in m.tool_calls %}{{ c.function.arguments | tojson }}{% endfor %};{% endfor %}"""


def test_earlier_reasoning_is_a_part_of_the_content_where_the_template_wants_that() -> None:
    messages = [
        {"role": "user", "content": "Hi"},
        {**calls('{"a": 1}'), "reasoning_content": "Hm."},
        {"role": "tool", "content": "B"},
        {"role": "assistant", "content": "Yes.", "reasoning_content": "Oh."},
    ]
    assert text_of(inline(PARTS).render(messages)) == 'Hi;[THINK]Hm.[/THINK]{"a": 1};B;[THINK]Oh.[/THINK]Yes.;'


def test_a_template_that_shows_no_calls_gets_them_in_the_text() -> None:
    text = text_of(inline("{% for m in messages %}[{{ m.content }}]{% endfor %}").render([calls('{"a": 1}')]))
    assert text == '[<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>]'


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": "\ud83d"},
        {"role": "user", "content": "x", "name": "é\udc00"},
        {"role": "user", "content": "x", "extra": [{"a": {"\ud800": 1}}]},
        calls('{"a": "\\ud83d"}'),
    ],
)
def test_half_a_surrogate_pair_is_refused(message: dict[str, Any]) -> None:
    with pytest.raises(MessagesRefused, match="surrogate"):
        inline(DUMP).render([message])


def test_half_a_surrogate_pair_is_refused_in_tools_arguments_and_parsed_text() -> None:
    message = {"role": "user", "content": '"\\ud83d"'}
    for options in ({"tools": [{"x": "\ud800"}]}, {"template_kwargs": {"x": "\ud800"}}):
        with pytest.raises(MessagesRefused, match="surrogate"):
            inline("x").render([message], **options)
    with pytest.raises(MessagesRefused, match="surrogate"):
        inline("{{ messages[0].content | from_json }}").render([message])


def test_deeply_nested_arguments_are_rendered_or_refused_but_never_crash() -> None:
    with pytest.raises(MessagesRefused, match="needs JSON"):
        inline("{{ messages[0].content | from_json }}").render([{"role": "user", "content": "[" * 100_000}])
