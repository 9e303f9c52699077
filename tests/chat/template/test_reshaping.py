"""Conversations in the shapes that templates take: what each rewriting does, and that nothing else moves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from server.chat.families.detection import GENERIC
from server.chat.template.reshaping import reshaped
from server.chat.template.shapes import Shapes
from tests.chat.chat_templates import inline, text_of

Message = dict[str, Any]

NONE: frozenset[str] = frozenset()

LENIENT = Shapes(
    leading_roles=frozenset(["system", "developer"]),
    later_roles=frozenset(["system", "developer"]),
    takes_several_leading=True,
    takes_several_users=True,
    takes_several_assistants=True,
    takes_assistant_first=True,
    takes_no_user=True,
    takes_empty_assistant=True,
    shows_calls=True,
    shows_results=True,
    takes_several_calls=True,
    takes_text_beside_calls=True,
    takes_thoughts_beside_calls=True,
    takes_thoughts_beside_text=True,
    takes_call_after_text=True,
    takes_user_after_result=True,
)


def user(text: str) -> Message:
    return {"role": "user", "content": text}


def ai(text: str, **more: Any) -> Message:
    return {"role": "assistant", "content": text, **more}


def system(text: str) -> Message:
    return {"role": "system", "content": text}


def calling(*ids: str, text: str = "", **more: Any) -> Message:
    calls = [{"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}} for call_id in ids]
    return ai(text, tool_calls=calls, **more)


def result(call_id: str) -> Message:
    return {"role": "tool", "tool_call_id": call_id, "content": f"result {call_id}"}


CALL = GENERIC.written_calls([("f", "{}")])
HISTORY = [
    system("A"),
    {"role": "developer", "content": "B"},
    ai("C"),
    ai(""),
    user("D"),
    user("E"),
    calling("1", "2", text="F", reasoning_content="Hm."),
    result("2"),
    result("1"),
    user("G"),
    system("H"),
]


def test_what_a_template_takes_is_untouched() -> None:
    assert reshaped(HISTORY, LENIENT, GENERIC) == HISTORY


@pytest.mark.parametrize(
    ("strictness", "given", "expected"),
    [
        ({"takes_several_leading": False}, [system("A"), system("B"), user("C")], [system("A\n\nB"), user("C")]),
        ({"leading_roles": NONE}, [system("A"), system("B"), user("C")], [user("A\n\nB\n\nC")]),
        ({"leading_roles": NONE}, [system("A"), ai("B")], [user("A"), ai("B")]),
        (
            {"leading_roles": frozenset(["system"])},
            [{"role": "developer", "content": "A"}, user("B")],
            [system("A"), user("B")],
        ),
        ({"later_roles": NONE}, [user("A"), system("B"), user("C")], [user("A"), user("B\n\nC")]),
        (
            {"later_roles": NONE},
            [user("A"), system("B"), ai("C")],
            [user("A"), user("B"), ai("C")],
        ),
        (
            {"later_roles": NONE},
            [user("A"), ai("B"), system("C")],
            [user("A"), ai("B"), user("C")],
        ),
        (
            {"later_roles": NONE},
            [user("A"), calling("1"), system("B"), result("1"), user("C")],
            [user("A"), calling("1"), result("1"), user("B\n\nC")],
        ),
        ({"takes_several_users": False}, [user("A"), user(""), user("B")], [user("A\n\nB")]),
        (
            {"takes_several_assistants": False},
            [user("A"), ai("B"), ai("C")],
            [user("A"), ai("B\n\nC")],
        ),
        ({"takes_assistant_first": False}, [system("A"), ai("B")], [system("A"), user(""), ai("B")]),
        ({"takes_no_user": False}, [system("A")], [system("A"), user("")]),
        ({"takes_empty_assistant": False}, [user("A"), ai(""), calling("1")], [user("A"), calling("1")]),
        (
            {"takes_several_calls": False},
            [calling("1", "2", text="A"), result("2"), result("1"), result("3")],
            [calling("1", text="A"), result("1"), calling("2"), result("2"), result("3")],
        ),
        (
            {"takes_thoughts_beside_text": False},
            [calling("1", text="A", reasoning_content="Hm."), calling("2", reasoning_content="Hm.")],
            [calling("1", text="A"), calling("2", reasoning_content="Hm.")],
        ),
        ({"takes_thoughts_beside_calls": False}, [calling("1", reasoning_content="Hm.")], [calling("1")]),
        ({"takes_text_beside_calls": False}, [calling("1", text="A")], [ai("A"), calling("1")]),
        (
            {"takes_text_beside_calls": False, "takes_call_after_text": False},
            [calling("1", text="A")],
            [ai("A"), user(""), calling("1")],
        ),
        ({"takes_call_after_text": False}, [ai("A"), calling("1", text="B")], [calling("1", text="A\n\nB")]),
        (
            {"takes_user_after_result": False, "filler": "Yes."},
            [calling("1"), result("1"), user("A")],
            [calling("1"), result("1"), ai("Yes."), user("A")],
        ),
        (
            {"shows_calls": False},
            [calling("1"), result("1")],
            [ai(CALL), result("1")],
        ),
    ],
)
def test_what_it_does_not_take_stands_elsewhere(
    strictness: dict[str, Any], given: list[Message], expected: list[Message]
) -> None:
    assert reshaped(given, replace(LENIENT, **strictness), GENERIC) == expected


def test_a_conversation_has_the_same_beginning_whatever_follows() -> None:
    strict = replace(LENIENT, takes_several_calls=False, takes_text_beside_calls=False, takes_user_after_result=False)
    whole = reshaped(HISTORY, strict, GENERIC)
    for length in (1, 3, 6, 9):
        begun = reshaped(HISTORY[:length], strict, GENERIC)
        assert whole[: len(begun)] == begun


def test_where_a_template_refuses_after_all_everything_becomes_texts_in_turn() -> None:
    source = (
        "{% for m in messages %}{% if m.content == 'B' and loop.length > 3 %}{{ raise_exception('No.') }}{% endif %}"
        "{{ m.role }}:{{ m.content }};{% for c in m.tool_calls or [] %}{{ c.function.arguments }}{% endfor %}"
        "{% endfor %}"
    )
    messages = [user("A"), ai("B"), user("C"), user("D")]
    assert text_of(inline(source).render(messages)) == "user:A;assistant:B;user:C\n\nD;"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ m.content }}{{ m.get('reasoning_content') or '' }}", "HiYes.Hm.More"),
        ("{{ m.content }}{# </think> #}", "HiYes.More"),
        ("{{ m.content.split('</think>')[-1] | trim }}", "HiYes.More"),
    ],
)
def test_thoughts_are_shown_once_or_not_at_all_in_turns_that_are_over(source: str, expected: str) -> None:
    messages = [user("Hi"), ai("Yes.", reasoning_content="Hm."), user("More")]
    template = inline("{% for m in messages %}" + source + "{% endfor %}")
    assert text_of(template.render(messages)) == expected


def test_parts_of_a_text_are_joined_by_the_template_where_it_does_that() -> None:
    parts = [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]
    joins = "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}"
    joins += "{{ p.text }}{% endfor %}{% endif %}{% endfor %}"
    assert text_of(inline(joins).render([{"role": "user", "content": parts}])) == "AB"
    assert text_of(inline("{{ messages[0].content }}").render([{"role": "user", "content": parts}])) == "A\nB"


def test_a_tool_without_a_description_gets_an_empty_one_where_the_template_needs_it() -> None:
    needs = "{% for t in tools or [] %}{{ t.function.name + ':' + t.function.description }}{% endfor %}"
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    shows = needs + "{% for m in messages %}{{ m.content }}{% endfor %}"
    assert text_of(inline(shows).render([user("Hi")], tools=[tool])) == "f:Hi"
    dumps = "{% for t in tools or [] %}{{ t | tojson }}{% endfor %}"
    assert "description" not in text_of(inline(dumps).render([user("Hi")], tools=[tool]))
