"""From the body of a chat completion to what is asked of a model."""

from __future__ import annotations

import pytest

from schemas.chat_completions import load_chat_completion
from server.answers.messages import Message, TextPart, ToolCall, text_message
from server.answers.request import ChatRequest
from server.api.chat_completions.request import chat_request
from server.settings import Settings

HELLO = {"role": "user", "content": "Hello"}


def asked(settings: Settings | None = None, system_prompt: str | None = None, **body: object) -> ChatRequest:
    wanted = load_chat_completion({"messages": [HELLO], **body})
    return chat_request(wanted, settings or Settings(), system_prompt)


@pytest.mark.parametrize(("wanted", "default", "expected"), [(None, None, None), (None, 7, 7), (3, 7, 3)])
def test_the_default_bound_applies_where_the_request_has_none(
    wanted: int | None, default: int | None, expected: int | None
) -> None:
    assert asked(Settings(default_max_tokens=default), max_tokens=wanted).max_tokens == expected


@pytest.mark.parametrize(
    ("setting", "wanted", "expected"), [("auto", None, True), ("none", None, False), ("none", "auto", True)]
)
def test_the_request_decides_whether_reasoning_is_told_apart(setting: str, wanted: str | None, expected: bool) -> None:
    settings = Settings.model_validate({"reasoning_format": setting})
    assert asked(settings, reasoning_format=wanted).separates_reasoning is expected


def test_the_operators_instructions_are_for_who_brings_none() -> None:
    assert asked(system_prompt="Be kind.").messages == (
        text_message("system", "Be kind."),
        text_message("user", "Hello"),
    )
    own = {"role": "developer", "content": "Be brief."}
    assert [message.role for message in asked(system_prompt="x", messages=[HELLO, own]).messages] == [
        "user",
        "developer",
    ]


def test_what_the_assistant_did_comes_through() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    said = {"role": "assistant", "content": "I call.", "reasoning_content": "Hm.", "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "c", "content": "42"}
    _, shown, answered = asked(messages=[HELLO, said, result]).messages
    assert shown == Message("assistant", (TextPart("I call."),), None, "Hm.", (ToolCall("c", "f", "{}"),))
    assert answered == Message("tool", (TextPart("42"),), tool_call_id="c")


def test_errors_name_the_clients_own_words() -> None:
    function = {"name": "f", "parameters": {"type": "object"}}
    assert asked(functions=[function]).blame.tools == "functions"
    assert (asked().blame.prompt, asked().blame.tools) == ("messages", "tools")
