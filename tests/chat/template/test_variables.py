"""What templates are given beside messages, seen through the prompts that they make."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from server.chat.template.template import ChatTemplate, MessagesRefused
from tests.chat.chat_templates import WEATHER_TOOL, inline, make, text_of

USER = {"role": "user", "content": "Hi"}
SWITCHES = "{{ enable_thinking | default('-') }} {{ thinking | default('-') }}"
HYBRID = "{{ '</think>' if enable_thinking is defined and not enable_thinking else '<think>' }}"
CHOOSY = """\
{% if reasoning_effort is defined and reasoning_effort not in ['high', 'low', 'no_think'] -%}
{{ raise_exception('reasoning_effort error: ' + reasoning_effort) }}
{%- endif %}{{ reasoning_effort | default('nothing') }}"""


def prompt(source: str, default: bool | None = None, **options: Any) -> str:
    return text_of(ChatTemplate(source, "", "", [], default).render([USER], **options))


def with_kwargs(source: str, default: bool | None = None, **template_kwargs: Any) -> str:
    return prompt(source, default, template_kwargs=template_kwargs)


def test_the_day_is_given_under_the_names_that_templates_ask_for() -> None:
    today = datetime.now().astimezone()
    source = "{{ date_string }}|{{ datetime }}|{{ date_string == strftime_now('%d %b %Y') }}"
    assert prompt(source) == f"{today:%d %b %Y}|{today:%b %d %Y}|True"
    assert with_kwargs("{{ date_string }}", date_string="26 Jul 2024") == "26 Jul 2024"


def test_without_tools_a_template_may_loop_over_them_and_count_them() -> None:
    source = "{% for tool in tools %}x{% endfor %}{{ tools | length }}{{ tools is defined }}{{ documents is defined }}"
    assert prompt(source) == prompt(source, tools=[]) == "0FalseFalse"
    assert prompt(source, tools=[WEATHER_TOOL]) == "x1TrueFalse"


@pytest.mark.parametrize(
    "source",
    [
        "{% if tools is not none %}tools{% endif %}",
        "{% if not tools is defined %}{% set tools = none %}{% endif %}{% if tools is not none %}tools{% endif %}",
        "{% if tools is defined and tools is not none %}tools{% endif %}",
        "{% if tools is none or tools is undefined %}{% else %}tools{% endif %}",
        "{% if tools %}tools{% endif %}",
    ],
)
def test_without_tools_a_template_finds_none_however_it_asks(source: str) -> None:
    assert (prompt(source), prompt(source, tools=[WEATHER_TOOL])) == ("", "tools")


def test_a_template_that_writes_functions_gets_them_as_text() -> None:
    source = "{{ 'Spec: ' + functions + ', ' + datetime }}"
    assert prompt(source).startswith("Spec: , ")
    assert prompt(source, tools=[WEATHER_TOOL]).startswith('Spec: [\n    {\n        "name": "get_weather",\n')
    assert prompt("{% if functions is defined %}{% for f in functions %}x{% endfor %}{% endif %}") == ""


@pytest.mark.parametrize(
    ("template_kwargs", "text"),
    [
        ({}, "- -"),
        ({"reasoning_effort": "none"}, "False False"),
        ({"reasoning_effort": "low"}, "True True"),
        ({"reasoning_effort": "none", "enable_thinking": True}, "True True"),
        ({"reasoning_effort": "high", "enable_thinking": False}, "False False"),
        ({"reasoning_effort": "none", "thinking": True}, "True True"),
        ({"enable_thinking": False}, "False False"),
        ({"enable_thinking": False, "thinking": True}, "False True"),
    ],
)
def test_an_effort_switches_thinking_unless_the_arguments_say_it(template_kwargs: dict[str, Any], text: str) -> None:
    assert with_kwargs(SWITCHES, **template_kwargs) == text


@pytest.mark.parametrize("default", [True, False])
def test_the_servers_default_counts_where_a_request_says_nothing(default: bool) -> None:
    assert with_kwargs(SWITCHES, default) == f"{default} {default}"
    assert with_kwargs(SWITCHES, default, reasoning_effort="none") == "False False"
    assert with_kwargs(SWITCHES, default, reasoning_effort="high") == "True True"
    assert with_kwargs(SWITCHES, default, enable_thinking=not default) == f"{not default} {not default}"


def test_a_template_may_ask_for_a_mode() -> None:
    source = "{{ thinking_mode if thinking_mode is defined else '-' }}"
    for template_kwargs, mode in (
        ({}, "-"),
        ({"enable_thinking": True}, "enabled"),
        ({"reasoning_effort": "none"}, "disabled"),
        ({"enable_thinking": True, "thinking_mode": "adaptive"}, "adaptive"),
    ):
        assert with_kwargs(source, **template_kwargs) == mode


def test_no_effort_closes_the_thoughts_of_a_template_that_can() -> None:
    assert (with_kwargs(HYBRID), with_kwargs(HYBRID, reasoning_effort="none")) == ("<think>", "</think>")
    text = text_of(make("thinking").render([USER], template_kwargs={"reasoning_effort": "none"}))
    assert text.endswith("<think>\n\n</think>\n\n")


@pytest.mark.parametrize(
    ("effort", "nearest"),
    [
        ("none", "no_think"),
        ("minimal", "low"),
        ("low", "low"),
        ("medium", "high"),
        ("high", "high"),
        ("xhigh", "high"),
        ("max", "high"),
    ],
)
def test_an_effort_that_a_template_refuses_becomes_the_nearest_that_it_takes(effort: str, nearest: str) -> None:
    assert with_kwargs(CHOOSY, reasoning_effort=effort) == nearest


def test_an_effort_that_a_template_takes_stays_as_it_is() -> None:
    for effort in ("none", "minimal", "medium", "max", "utmost"):
        assert with_kwargs("{{ reasoning_effort }}", reasoning_effort=effort) == effort


def test_a_template_may_call_the_effort_otherwise() -> None:
    source = CHOOSY.replace("reasoning_effort", "thinking_effort")
    assert with_kwargs(source, reasoning_effort="max") == "high"
    assert with_kwargs(source, reasoning_effort="max", thinking_effort="low") == "low"
    assert with_kwargs(source) == "nothing"


def test_no_effort_is_the_word_that_the_template_has_for_it() -> None:
    source = "{{ 'off' if reasoning_effort in ['low', \"minimal\"] else 'on' }}"
    assert with_kwargs(source, reasoning_effort="none") == "off"
    assert with_kwargs(source, reasoning_effort="medium") == "on"


def test_a_template_that_takes_no_effort_refuses_it_itself() -> None:
    template = inline("{{ raise_exception('never: ' + reasoning_effort) if reasoning_effort is defined }}")
    with pytest.raises(MessagesRefused, match="never: high"):
        template.render([USER], template_kwargs={"reasoning_effort": "high"})
