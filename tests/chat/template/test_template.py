"""From messages to prompts: templates of the known kinds, what they are given, and how they fail."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import jinja2
import pytest

from server.chat.template.template import ChatTemplate, MessagesRefused, TemplateBroken
from server.protocol.values import TextPiece
from tests.chat.chat_templates import (
    NAMES,
    WEATHER_CALL,
    WEATHER_TOOL,
    as_transformers,
    control_tokens_of,
    inline,
    make,
    recognised,
    source_of,
    text_of,
)

USER: dict[str, Any] = {"role": "user", "content": 'Hi <b>there</b> & "bye" '}
ASSISTANT: dict[str, Any] = {"role": "assistant", "content": "\n\nHello 'you'. "}
SYSTEM: dict[str, Any] = {"role": "system", "content": "Be brief."}

SHOWS_NO_INSTRUCTIONS = ("no_system", "formatted_tokens")

CONVERSATIONS: dict[str, list[dict[str, Any]]] = {
    "one question": [USER],
    "two turns": [USER, ASSISTANT, USER],
    "with a system message": [SYSTEM, USER, ASSISTANT, USER],
    "ending with the assistant": [SYSTEM, USER, ASSISTANT],
    "with thinking": [USER, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nHo"}, USER],
}


def ours(name: str, messages: list[dict[str, Any]], tools: list[Any] | None) -> list[TextPiece] | str:
    """The pieces, or why there are none."""
    try:
        return make(name).render(messages, tools=tools)
    except MessagesRefused as refused:
        return refused.message


def theirs(name: str, messages: list[dict[str, Any]], tools: list[Any] | None) -> list[TextPiece] | str:
    """The same with the text of transformers in one piece; where it would not show instructions, the user says them."""
    if name in SHOWS_NO_INSTRUCTIONS and messages[0] is SYSTEM:
        first = {**messages[1], "content": f"{SYSTEM['content']}\n\n{messages[1]['content']}"}
        messages = [first, *messages[2:]]
    bos_token, eos_token, *_ = control_tokens_of(name)
    try:
        text = as_transformers(source_of(name), messages, tools=tools, bos_token=bos_token, eos_token=eos_token)
    except jinja2.TemplateError as error:
        return str(error)
    return [TextPiece(text, True)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("tools", [None, [WEATHER_TOOL]], ids=["no tools", "tools"])
@pytest.mark.parametrize("messages", CONVERSATIONS.values(), ids=CONVERSATIONS.keys())
def test_a_prompt_is_one_piece_and_the_text_that_transformers_gives(
    name: str, tools: list[Any] | None, messages: list[dict[str, Any]]
) -> None:
    assert ours(name, messages, tools) == theirs(name, messages, tools)


def test_chatml_is_rendered_with_its_own_system_message() -> None:
    assert text_of(make("chatml").render([{"role": "user", "content": "Hi"}])) == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_model_without_a_template_gets_chatml() -> None:
    template = ChatTemplate(None, "<s>", "</s>", [])
    assert template.is_fallback
    assert not make("chatml").is_fallback
    assert text_of(template.render([SYSTEM, {"role": "user", "content": "Hi"}])) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )


def test_without_a_generation_prompt_no_turn_is_opened() -> None:
    closed = text_of(make("chatml").render([USER, ASSISTANT], add_generation_prompt=False))
    assert text_of(make("chatml").render([USER, ASSISTANT])) == closed + "<|im_start|>assistant\n"


def test_a_template_may_look_at_the_local_date() -> None:
    text = text_of(make("header_ids").render([USER]))
    assert f"Today Date: {datetime.now().astimezone():%d %b %Y}\n" in text


def test_arguments_reach_the_template() -> None:
    text = text_of(make("thinking").render([USER], template_kwargs={"enable_thinking": False}))
    assert text.endswith("<think>\n\n</think>\n\n")
    text = text_of(make("channels").render([USER], template_kwargs={"reasoning_effort": "low"}))
    assert "Reasoning: low<|end|>" in text


@pytest.mark.parametrize("name", ["messages", "tools", "bos_token", "raise_exception", "namespace"])
def test_arguments_cannot_replace_what_the_template_relies_on(name: str) -> None:
    with pytest.raises(MessagesRefused, match=f"cannot set {name}"):
        make("chatml").render([USER], template_kwargs={name: "x"})


def test_earlier_thinking_is_dropped_as_the_template_says() -> None:
    text = text_of(make("thinking").render(CONVERSATIONS["with thinking"]))
    assert "<|im_start|>assistant\nHo<|im_end|>" in text


def test_tools_are_dumped_without_escapes() -> None:
    text = text_of(make("header_ids").render([USER], tools=[WEATHER_TOOL]))
    assert '        "description": "The <b>weather</b> & more.",\n' in text
    assert '"name": "get_weather", "description"' in text_of(make("instructions").render([USER], tools=[WEATHER_TOOL]))


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ messages | map(attribute='role') | tojson }}", '["user", "assistant"]'),
        (
            "{{ {'all': messages | map(attribute='role')} | tojson(separators=(',', ':')) }}",
            '{"all":["user","assistant"]}',
        ),
        (
            "{{ {'a': 1}.items() | tojson }}{{ {'a': 1}.keys() | tojson }}{{ {'a': 1} | items | tojson }}",
            '[["a", 1]]["a"][["a", 1]]',
        ),
        ("{{ messages | map(attribute='role') | length }}{{ messages | rejectattr('name') | count }}", "22"),
    ],
)
def test_lazy_values_are_dumped_and_counted_as_lists(source: str, text: str) -> None:
    assert text_of(inline(source).render([USER, ASSISTANT])) == text


def test_what_is_no_json_is_not_dumped() -> None:
    with pytest.raises(TemplateBroken, match="Undefined is not JSON serializable"):
        inline("{{ nothing | tojson }}").render([USER])


def test_macros_write_tools_as_types() -> None:
    text = text_of(make("channels").render([USER], tools=[WEATHER_TOOL]))
    assert 'city: string,\ndays?: number[],\nunit?: "C" | "F",' in text


def test_no_tools_are_none_and_so_are_empty_ones() -> None:
    template = inline("{{ tools is none }} {{ documents is none }}")
    assert text_of(template.render([USER])) == text_of(template.render([USER], tools=[])) == "True True"


@pytest.mark.parametrize("name", ["header_ids", "instructions", "thinking", "fullwidth", "channels"])
def test_a_round_of_tool_calls_is_rendered(name: str) -> None:
    messages = [
        USER,
        {"role": "assistant", "content": None, "tool_calls": [WEATHER_CALL]},
        {"role": "tool", "content": "rain", "tool_call_id": "call12345"},
    ]
    template = make(name)
    pieces = template.render(messages, tools=[WEATHER_TOOL])
    assert [piece.parse_special for piece in pieces] == [True]
    assert '{"city": "Zürich"}' in pieces[0].text
    assert "rain" in pieces[0].text
    assert "None" not in pieces[0].text


def test_a_template_that_raises_refuses_the_messages_in_its_own_words() -> None:
    template = inline("{% if messages[-1].content == 'No' %}{{ raise_exception('Not that word') }}{% endif %}")
    with pytest.raises(MessagesRefused) as refused:
        template.render([{"role": "user", "content": "No"}])
    assert refused.value.message == "Not that word"


def test_a_template_that_fails_even_at_a_question_has_a_problem() -> None:
    assert inline("{% for x in nothing.at_all %}{% endfor %}").problem() is not None
    assert make("chatml").problem() is None
    assert inline("{% if messages|length < 2 %}{{ raise_exception('Who am I?') }}{% endif %}").problem() is None


def test_a_shape_that_a_template_refuses_becomes_one_that_it_takes() -> None:
    assert "Be brief.\n\nHi" in text_of(make("no_system").render([SYSTEM, USER]))
    assert "Hello.\n\nHi" in text_of(make("instructions").render([{"role": "user", "content": "Hello."}, USER]))


def test_what_a_template_raises_is_readable_even_where_it_holds_control_tokens() -> None:
    template = inline("{{ raise_exception('no <|x|> with ' ~ messages[0].content) }}", "<|x|>")
    with pytest.raises(MessagesRefused) as refused:
        template.render([{"role": "user", "content": "<|x|>"}])
    assert refused.value.message == "no <|x|> with <|x|>"


@pytest.mark.parametrize(
    ("source", "line", "reason"),
    [
        ("\n{% for message in messages %}\n", 2, "Unexpected end of template"),
        ("{{ 1 }}\n{{ 'x' | shorten }}", 2, "No filter named 'shorten'"),
        ("\n\n{% endif %}", 3, "Encountered unknown tag 'endif'"),
    ],
)
def test_a_template_with_bad_syntax_is_broken_at_its_line(source: str, line: int, reason: str) -> None:
    with pytest.raises(TemplateBroken, match=reason) as broken:
        inline(source)
    assert broken.value.line == line
    assert f"at line {line}: " in broken.value.message


@pytest.mark.parametrize(
    ("source", "line", "reason"),
    [
        ("\n{{ fetch('x') }}", 2, "'fetch' is undefined"),
        ("{{ messages[0].nothing.more }}", 1, "has no attribute 'nothing'"),
        ("\n\n{{ '<|x|>' + messages }}", 3, "TypeError"),
        ("{% macro m() %}\n{{ 1 // 0 }}\n{% endmacro %}\n{{ m() }}", 2, "ZeroDivisionError"),
        ("{% macro m() %}{{ m() }}{% endmacro %}\n{{ m() }}", 1, "RecursionError"),
        ("{{ messages.append(1) }}", 1, "access to attribute 'append' of 'list' object is unsafe"),
        ("{{ messages.__class__.__mro__ }}", 1, "access to attribute '__class__' of 'list' object is unsafe"),
        ("{% include 'other' %}", 1, "no loader"),
    ],
)
def test_a_template_that_fails_while_it_runs_is_broken_at_its_line(source: str, line: int, reason: str) -> None:
    template = inline(source, "<|x|>")
    with pytest.raises(TemplateBroken, match=reason) as broken:
        template.render([USER])
    assert broken.value.line == line


def test_nesting_that_python_cannot_compile_is_a_broken_template() -> None:
    with pytest.raises(TemplateBroken):
        inline("{% for a in b %}" * 50 + "{% endfor %}" * 50)


def test_loops_can_be_left_and_turns_skipped() -> None:
    source = "{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}{{ m.content }}{% break %}{% endfor %}"
    messages = [{"role": "user", "content": text} for text in "abc"]
    assert text_of(inline(source).render(messages)) == "b"


def test_what_is_set_in_a_generation_block_stays_in_it() -> None:
    source = "{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}{{ x }}"
    assert text_of(inline(source).render([USER])) == "21"


def test_rendering_leaves_nothing_behind() -> None:
    template = make("fullwidth")
    first = template.render(CONVERSATIONS["two turns"])
    template.render(CONVERSATIONS["with a system message"])
    assert template.render(CONVERSATIONS["two turns"]) == first


def test_a_prompt_without_text_has_no_pieces() -> None:
    assert inline("{% if false %}x{% endif %}").render([USER]) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_control_token_of_a_template_counts(name: str) -> None:
    pieces = make(name).render([USER, ASSISTANT, USER])
    text = text_of(pieces)
    spelled = sum(text.count(spelling) for spelling in control_tokens_of(name) if spelling)
    assert len(recognised(pieces, control_tokens_of(name))) == spelled > 0


@pytest.mark.parametrize(
    ("source", "reasons", "knows_tools"),
    [
        (source_of("chatml"), False, False),
        (source_of("thinking"), True, True),
        (source_of("channels"), True, True),
        ("{{ messages[0].content }}>>>all", False, True),  # functionary's channels are addresses, not thoughts
    ],
)
def test_it_says_what_the_model_can_do(source: str, reasons: bool, knows_tools: bool) -> None:
    template = ChatTemplate(source, "", "", [])
    assert (template.reasons, template.knows_tools) == (reasons, knows_tools)
