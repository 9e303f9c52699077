"""Tools, calls and results in prompts: shown by templates that know them, else told in words."""

from __future__ import annotations

from typing import Any

from server.chat.families.detection import GENERIC
from server.chat.prompted_tools import render_chat
from server.chat.template.written_calls import without_tool_messages
from server.chat.tools import Tool, ToolUse
from tests.chat.chat_templates import inline, make, text_of

TIME = Tool("get_time", {"type": "object", "properties": {}}, "The time.")
USE = ToolUse((TIME,))
USER = {"role": "user", "content": "When?"}


def call(call_id: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": "get_time", "arguments": '{"zone": "UTC"}'}}


HISTORY: list[dict[str, Any]] = [
    USER,
    {"role": "assistant", "content": "Well.", "tool_calls": [call("a"), call("b")]},
    {"role": "tool", "tool_call_id": "a", "content": "Noon."},
    {"role": "tool", "tool_call_id": "b", "content": "One."},
    {"role": "user", "content": "Thanks."},
]


def test_a_template_that_knows_tools_shows_them() -> None:
    shown = text_of(render_chat(make("instructions"), [USER], USE))
    assert (
        '[AVAILABLE_TOOLS] [{"type": "function", "function": {"name": "get_time", "description": "The time."' in shown
    )
    assert "AVAILABLE_TOOLS" not in text_of(render_chat(make("instructions"), [USER]))


def test_others_are_told_in_the_system_message() -> None:
    alone = text_of(render_chat(make("chatml"), [USER], USE))
    system, user = alone.split("<|im_end|>")[:2]
    assert system.startswith("<|im_start|>system\n")
    assert '"name": "get_time"' in system
    assert "When?" in user
    own = text_of(render_chat(make("chatml"), [{"role": "system", "content": "Be brief."}, USER], USE))
    assert own.startswith("<|im_start|>system\nBe brief.\n\n")
    assert own.count("<|im_start|>system") == 1


def test_where_there_is_no_system_role_the_user_says_it() -> None:
    template = inline(
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('No.') }}{% endif %}"
        "{{ m.role + ': ' + m.content + '\n' }}{% endfor %}"
    )
    shown = text_of(render_chat(template, [USER], USE))
    assert shown.startswith("user: You can call")
    assert shown.endswith("\n\nWhen?\n")


def test_calls_and_results_become_texts_of_turns_that_alternate() -> None:
    written = without_tool_messages(HISTORY, GENERIC)
    assert [message["role"] for message in written] == ["user", "assistant", "user"]
    assert all(set(message) <= {"role", "content"} for message in written)
    assert written[1]["content"].startswith('Well.\n<tool_call>\n{"name": "get_time", "arguments": {"zone": "UTC"}}')
    assert written[1]["content"].count("<tool_call>") == 2
    results = "<tool_response>\nNoon.\n</tool_response>\n<tool_response>\nOne.\n</tool_response>"
    assert written[2]["content"] == f"{results}\nThanks."


def test_what_has_nothing_to_do_with_tools_stays_as_it_is() -> None:
    messages = [USER, {"role": "assistant", "content": "Now."}, USER]
    assert without_tool_messages(messages, GENERIC) == messages
    assert render_chat(make("chatml"), messages) == make("chatml").render(messages)
