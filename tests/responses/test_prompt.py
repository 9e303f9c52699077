"""Items as chat messages."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.items import message
from server.answers.messages import MediaPart, Message, TextPart, ToolCall, text_message
from server.responses.prompt import PromptProblem, chat_messages, check_outputs


def call(call_id: str = "call_1") -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": "f", "arguments": '{"a": 1}'}


def output(call_id: str = "call_1") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": "42"}


def test_messages_keep_role_and_text() -> None:
    assert chat_messages([message("user", " hi "), message("assistant", "yes")]) == [
        text_message("user", " hi "),
        text_message("assistant", "yes"),
    ]


def test_instructions_and_leading_system_messages_become_one() -> None:
    items = [message("system", "Be kind."), message("developer", "Be brief."), message("user", "hi")]
    messages = chat_messages(items, "Be right.")
    assert messages[0] == text_message("developer", "Be right.\n\nBe kind.\n\nBe brief.")
    assert [entry.role for entry in messages] == ["developer", "user"]


def test_the_summary_of_what_was_compacted_comes_after_the_instructions() -> None:
    messages = chat_messages([message("system", "Be kind."), message("user", "hi")], "Be right.", "We met.")
    assert messages[0] == text_message("developer", "Be right.\n\nBe kind.\n\nWe met.")


def test_an_instruction_in_the_middle_stays_where_it_is() -> None:
    items = [message("user", "hi"), message("developer", "Be brief."), message("user", "so?")]
    assert [entry.role for entry in chat_messages(items)] == ["user", "developer", "user"]


def test_what_the_assistant_did_in_one_go_is_one_message() -> None:
    reasoning = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]}
    items: list[Any] = [
        message("user", "go"),
        reasoning,
        message("assistant", "I call."),
        call("a"),
        call("b"),
        output("a"),
    ]
    _, shown, answered, _ = chat_messages(items)
    assert shown.reasoning == "hm"
    assert shown.text == "I call."
    assert shown.tool_calls == (ToolCall("a", "f", '{"a": 1}'), ToolCall("b", "f", '{"a": 1}'))
    assert answered == Message("tool", (TextPart("42"),), tool_call_id="a")


def test_two_messages_of_the_assistant_stay_two() -> None:
    assert len(chat_messages([message("assistant", "one"), message("assistant", "two")])) == 2


def test_items_that_no_template_knows_are_passed_over() -> None:
    assert chat_messages([{"type": "web_search_call", "id": "ws_1"}, message("user", "hi")]) == [
        text_message("user", "hi")
    ]


def test_a_part_that_is_no_text_is_named_in_its_place() -> None:
    content = [{"type": "input_text", "text": "Look:"}, {"type": "input_image", "image_url": "x"}]
    (shown,) = chat_messages([{"type": "message", "role": "user", "content": content}])
    assert shown.content == (TextPart("Look:"), MediaPart("input_image", content[1]))
    assert shown.text == "Look:\n[input_image: left out, since this model takes text only]"


def test_other_kinds_of_calls_are_calls() -> None:
    items: list[Any] = [
        {"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": "+1"},
        {"type": "local_shell_call", "call_id": "s", "action": {"command": ["ls"]}},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "ok"},
    ]
    said, answered, _ = chat_messages(items)
    assert [entry.name for entry in said.tool_calls] == ["patch", "local_shell"]
    assert said.tool_calls[0].arguments == '{"input": "+1"}'
    assert answered.text == "ok"


def test_an_output_without_its_call_is_refused() -> None:
    check_outputs([call("a")], [output("a")])
    check_outputs([], [call("b"), output("b")])
    with pytest.raises(PromptProblem, match="call_id c"):
        check_outputs([call("a")], [output("c")])


def test_a_call_without_an_answer_is_followed_by_one_that_says_so() -> None:
    cut_off = {**call("b"), "arguments": '{"a": ', "status": "incomplete"}
    items: list[Any] = [message("user", "go"), call("a"), cut_off, message("user", "Well?")]
    _, calls, first, second, _ = chat_messages(items)
    assert [shown.arguments for shown in calls.tool_calls] == [
        '{"a": 1}',
        '{"arguments": "{\\"a\\": "}',
    ]
    assert (first.tool_call_id, first.text) == ("a", "The call was not answered.")
    assert (second.tool_call_id, second.text) == ("b", "The call broke off and was not run.")


def test_a_call_that_broke_off_can_be_answered_all_the_same() -> None:
    cut_off = {**call("b"), "arguments": "", "status": "incomplete"}
    _, calls, answered = chat_messages([message("user", "go"), cut_off, output("b")])
    assert calls.tool_calls[0].arguments == "{}"
    assert answered.text == "42"


def test_an_answer_that_comes_later_is_the_only_one() -> None:
    shown = chat_messages([message("user", "go"), call("a"), message("user", "Well?"), output("a")])
    assert [entry.role for entry in shown] == ["user", "assistant", "user", "tool"]
