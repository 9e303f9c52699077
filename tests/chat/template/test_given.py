"""What a template may change: what it made itself, and nothing that it was given."""

from __future__ import annotations

from typing import Any

import pytest

from server.chat.template import bounds
from server.chat.template.given import given
from server.chat.template.template import TemplateBroken
from tests.chat.chat_templates import WEATHER_TOOL, inline, text_of


def messages() -> list[dict[str, Any]]:
    call = {"id": "call1", "type": "function", "function": {"name": "f", "arguments": '{"a": [1]}'}}
    return [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "Ho", "tool_call_id": "call1"},
    ]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{% set x = [] %}{{ x.append(1) or '' }}{{ x.append(2) or '' }}{{ x.pop(0) }}{{ x }}", "1[2]"),
        ("{% set x = [3, 1] %}{{ x.reverse() or '' }}{{ x.insert(0, 9) or '' }}{{ x }}", "[9, 1, 3]"),
        (
            "{% set x = {'a': 1} %}{{ x.update({'b': 2}, c=3) or '' }}{{ x.pop('a') }}{{ x | tojson }}",
            '1{"b": 2, "c": 3}',
        ),
        ("{% set x = {} %}{{ x.setdefault('a', []).append(1) or '' }}{{ x }}", "{'a': [1]}"),
        ("{% set x = messages[:] %}{{ x.append(1) or '' }}{{ x | length }}{{ messages | length }}", "43"),
        ("{% set x = messages | list %}{{ x.clear() or '' }}{{ x | length }}{{ messages | length }}", "03"),
        ("{% set x = messages + [] %}{{ x.remove(messages[0]) or '' }}{{ x | length }}", "2"),
        ("{% set x = dict(messages[0], a=1) %}{{ x.pop('content') }}{{ messages[0].content }}", "HiHi"),
        ("{% set x = messages[0].copy() %}{{ x.clear() or '' }}{{ messages[0].content }}", "Hi"),
        ("{% set x = 'a b'.split() %}{{ x.append('c') or '' }}{{ x | join }}", "abc"),
        ("{% set x = ['a'] %}{{ x.extend(x | map('upper')) or '' }}{{ x | join }}", "aA"),
    ],
)
def test_a_template_changes_what_it_made(source: str, text: str) -> None:
    assert text_of(inline(source).render(messages())) == text


@pytest.mark.parametrize(
    "source",
    [
        "{{ messages.append(1) }}",
        "{{ messages['pop']() }}",
        "{{ messages[0].update({'content': 'x'}) }}",
        "{{ messages[1].tool_calls.clear() }}",
        "{{ messages[1].tool_calls[0].function.pop('name') }}",
        "{{ (messages | list)[0].clear() }}",
        "{{ messages[:][0].clear() }}",
        "{{ messages[0].copy() and dict(messages[1]).tool_calls.append(1) }}",
        "{{ tools.append(1) }}",
        "{{ tools[0].function.parameters.required.append('x') }}",
        "{{ dict.update(messages[0], {'content': 'x'}) }}",
        "{{ dict['a'].update(messages[0], {'content': 'x'}) }}",
        "{{ [2, 1].sort(key=messages.append) }}",
        "{{ [2, 1].sort() }}",
        "{{ extra.list.append(1) }}",
    ],
)
def test_a_template_cannot_change_what_it_is_given(source: str) -> None:
    said, tools, variables = messages(), [WEATHER_TOOL], {"extra": {"list": [1]}}
    with pytest.raises(
        TemplateBroken, match=r"access to attribute '\w+' of '(list|dict|type|GenericAlias)' object is unsafe"
    ):
        inline(source).render(said, tools=tools, template_kwargs=variables)
    assert (said, variables) == (messages(), {"extra": {"list": [1]}})


@pytest.mark.parametrize(
    "source",
    [
        "{% set x = [1] %}{% for i in range(99) %}{{ x.extend(x) or '' }}{% endfor %}",
        "{% set x = [1] %}{% for i in x %}{{ x.append(i) or '' }}{% endfor %}",
        "{% set x = {} %}{% for i in range(9999) %}{{ x.update({i: 1, -i: 1}) or '' }}{% endfor %}",
    ],
)
def test_what_a_template_makes_grows_within_bounds(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_ITEMS", 1000)
    with pytest.raises(TemplateBroken, match="more than 1000"):
        inline(source).render(messages())


def test_what_is_given_is_a_copy_that_reads_the_same() -> None:
    said = messages()
    copy = given(said)
    assert copy == said
    assert copy is not said
    assert copy[1]["tool_calls"][0]["function"] is not said[1]["tool_calls"][0]["function"]
    assert repr(copy) == repr(said)
    assert given(({"a": ()},)) == [{"a": []}]
