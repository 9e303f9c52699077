from __future__ import annotations

from typing import Any

import pytest

from schemas.chat_completions import load_chat_completion
from schemas.fields.errors import SchemaError
from schemas.messages import MAX_MESSAGES

CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}


def loaded(*messages: Any) -> list[dict[str, Any]]:
    return list(load_chat_completion({"messages": list(messages)}).messages)


def load(*messages: Any) -> list[dict[str, Any]]:
    """The messages, each with the parts of its content joined: all of them texts."""
    return [{**one, "content": "\n".join(part["text"] for part in one["content"])} for one in loaded(*messages)]


def refusal(*messages: Any) -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        load(*messages)
    return caught.value


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant"])
def test_a_message_keeps_role_content_and_name(role: str) -> None:
    message = {"role": role, "content": " hi\n", "name": "Ada"}
    assert load(message) == [message]


def test_the_order_of_messages_is_kept() -> None:
    messages = [{"role": role, "content": role} for role in ("user", "assistant", "system", "assistant", "user")]
    assert load(*messages) == messages


def test_text_parts_are_joined_by_newlines() -> None:
    parts = [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "", "cache_control": {}},
        {"type": "text", "text": "b"},
    ]
    for role in ("system", "developer", "user", "assistant"):
        assert load({"role": role, "content": parts}) == [{"role": role, "content": "a\n\nb"}]
    (answer,) = load({"role": "tool", "tool_call_id": "c", "content": parts})
    assert answer["content"] == "a\n\nb"


def test_empty_text_is_text() -> None:
    assert load({"role": "user", "content": ""}) == [{"role": "user", "content": ""}]


def test_fields_that_no_template_knows_are_dropped() -> None:
    assert load({"role": "user", "content": "hi", "name": None, "id": 5}) == [{"role": "user", "content": "hi"}]


def test_an_assistant_may_call_tools_instead_of_speaking() -> None:
    expected = {"role": "assistant", "content": "", "tool_calls": [CALL]}
    assert load({"role": "assistant", "content": None, "tool_calls": [{**CALL, "index": 0}]}) == [expected]
    assert load({"role": "assistant", "tool_calls": [{**CALL, "type": None}]}) == [expected]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_an_assistant_may_have_thought_and_not_spoken(name: str) -> None:
    expected = {"role": "assistant", "content": "", "reasoning_content": "Hm."}
    assert load({"role": "assistant", "content": None, name: "Hm."}) == [expected]


def test_an_assistant_that_speaks_needs_no_tool_calls() -> None:
    assert load({"role": "assistant", "content": "hi", "tool_calls": []}) == [{"role": "assistant", "content": "hi"}]


def test_a_refusal_is_what_the_assistant_said() -> None:
    parts = [{"type": "text", "text": "Hm."}, {"type": "refusal", "refusal": "No."}]
    assert load({"role": "assistant", "content": parts})[0]["content"] == "Hm.\nNo."
    assert load({"role": "assistant", "content": None, "refusal": "No."})[0]["content"] == "No."


def test_reasoning_is_kept_for_templates_that_want_it() -> None:
    message = {"role": "assistant", "content": "4", "reasoning_content": "2 + 2"}
    assert load(message) == [message]


def test_a_tool_message_keeps_its_call() -> None:
    message = {"role": "tool", "content": "5", "tool_call_id": "call_1"}
    assert load(message) == [message]


@pytest.mark.parametrize("content", [None, [], ""])
def test_a_tool_may_have_answered_nothing(content: object) -> None:
    expected = {"role": "tool", "content": "", "tool_call_id": "c"}
    assert load({"role": "tool", "content": content, "tool_call_id": "c"}) == [expected]
    assert load({"role": "function", "content": content, "name": "c"}) == [{**expected, "name": "c"}]


def test_an_assistant_of_no_parts_said_nothing() -> None:
    assert load({"role": "assistant", "content": []}) == [{"role": "assistant", "content": ""}]
    called = {"role": "assistant", "content": [], "tool_calls": [CALL]}
    assert load(called) == [{**called, "content": ""}]


def test_the_deprecated_spelling_comes_out_as_todays() -> None:
    called, answered = load(
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": None},
    )
    function = {"name": "f", "arguments": "{}"}
    assert called["tool_calls"] == [{"id": "f", "type": "function", "function": function}]
    assert "function_call" not in called
    assert answered == {"role": "tool", "tool_call_id": "f", "name": "f", "content": ""}


@pytest.mark.parametrize("kind", ["image_url", "input_audio", "file"])
def test_parts_stay_apart_and_other_media_as_they_were_sent(kind: str) -> None:
    parts = [{"type": "text", "text": "Look:"}, {"type": kind, kind: {"a": 1}}]
    (message,) = loaded({"role": "user", "content": parts})
    assert message["content"] == tuple(parts)
    (message,) = loaded({"role": "user", "content": "Look:"})
    assert message["content"] == ({"type": "text", "text": "Look:"},)


@pytest.mark.parametrize(
    ("message", "place"),
    [
        (5, ""),
        (None, ""),
        ([], ""),
        ({}, ".role"),
        ({"role": None, "content": "hi"}, ".role"),
        ({"role": ["user"], "content": "hi"}, ".role"),
        ({"role": "robot", "content": "hi"}, ".role"),
        ({"role": "user"}, ".content"),
        ({"role": "user", "content": None}, ".content"),
        ({"role": "user", "content": 5}, ".content"),
        ({"role": "user", "content": []}, ".content"),
        ({"role": "user", "content": ["hi"]}, ".content[0]"),
        ({"role": "user", "content": [None]}, ".content[0]"),
        ({"role": "user", "content": [{}]}, ".content[0].type"),
        ({"role": "user", "content": [{"type": {}}]}, ".content[0].type"),
        ({"role": "user", "content": [{"type": "text"}]}, ".content[0].text"),
        ({"role": "user", "content": [{"type": "text", "text": 5}]}, ".content[0].text"),
        ({"role": "user", "content": [{"type": "refusal", "refusal": "no"}]}, ".content[0].type"),
        ({"role": "user", "content": "hi", "name": 5}, ".name"),
        ({"role": "user", "content": "hi", "name": "x" * 257}, ".name"),
        ({"role": "assistant"}, ".content"),
        ({"role": "assistant", "content": None, "tool_calls": []}, ".content"),
        ({"role": "assistant", "tool_calls": {}}, ".tool_calls"),
        ({"role": "assistant", "tool_calls": [None]}, ".tool_calls[0]"),
        ({"role": "assistant", "tool_calls": [CALL, {**CALL, "id": None}]}, ".tool_calls[1].id"),
        ({"role": "assistant", "tool_calls": [{**CALL, "type": "custom"}]}, ".tool_calls[0].type"),
        ({"role": "assistant", "tool_calls": [{**CALL, "function": None}]}, ".tool_calls[0].function"),
        (
            {"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "f", "arguments": {}}}]},
            ".tool_calls[0].function.arguments",
        ),
        ({"role": "assistant", "function_call": {"name": "f"}}, ".function_call.arguments"),
        ({"role": "tool", "content": "5"}, ".tool_call_id"),
        ({"role": "function", "content": "5"}, ".name"),
    ],
)
def test_a_bad_message_is_named_with_its_path(message: object, place: str) -> None:
    error = refusal({"role": "user", "content": "hi"}, message)
    assert error.param == f"messages[1]{place}"
    assert error.message.startswith(f"'messages[1]{place}' ")


def test_an_unknown_role_gets_those_that_are_known() -> None:
    error = refusal({"role": "robot" * 100, "content": "hi"})
    assert "must be one of system, developer, user, assistant, tool, function" in error.message
    assert len(error.message) < 200


@pytest.mark.parametrize("messages", [None, 5, "hi", {}, []])
def test_messages_must_be_an_array_of_one_at_least(messages: object) -> None:
    with pytest.raises(SchemaError) as caught:
        load_chat_completion({"messages": messages})
    assert caught.value.param == "messages"


def test_the_number_of_messages_is_bounded() -> None:
    message = {"role": "user", "content": "hi"}
    assert len(load(*[message] * MAX_MESSAGES)) == MAX_MESSAGES
    assert f"at most {MAX_MESSAGES}" in refusal(*[message] * (MAX_MESSAGES + 1)).message


def test_reasoning_has_two_names() -> None:
    for name in ("reasoning", "reasoning_content"):
        (message,) = load({"role": "assistant", "content": "a", name: "b"})
        assert message == {"role": "assistant", "content": "a", "reasoning_content": "b"}
