"""Typed messages become what templates start from; what a model cannot take is refused, or said to be left out."""

from __future__ import annotations

import pytest

from server.answers.messages import MediaPart, Message, TextPart, ToolCall, text_message
from server.answers.request import Blame, ChatRequest
from server.backends.local.prompt import as_dict, render_prompt
from server.chat.tools import NO_TOOLS
from server.errors.tree import InvalidRequest, TemplateRefused
from tests.chat.chat_templates import inline, make

REFUSING = "{{ raise_exception('No.') }}"


def prompt(*messages: Message) -> str:
    return "".join(piece.text for piece in render_prompt(make("chatml"), ChatRequest(messages), NO_TOOLS))


def test_parts_of_a_content_are_lines() -> None:
    assert "a\n\nb" in prompt(Message("user", (TextPart("a"), TextPart(""), TextPart("b"))))


@pytest.mark.parametrize("kind", ["image_url", "input_audio", "file"])
def test_other_media_are_refused_with_their_place(kind: str) -> None:
    picture = MediaPart(kind, {}, "messages[1].content[1]")
    with pytest.raises(InvalidRequest) as refused:
        prompt(text_message("system", "hi"), Message("user", (TextPart("Look:"), picture)))
    assert refused.value.param == "messages[1].content[1]"
    assert refused.value.code == "unsupported_parameter"
    assert str(refused.value) == f"'messages[1].content[1]' is a part of type '{kind}', but this model takes text only."


def test_other_media_without_a_place_are_named_where_they_were() -> None:
    shown = prompt(Message("user", (TextPart("Look:"), MediaPart("input_image", {}))))
    assert "Look:\n[input_image: left out, since this model takes text only]" in shown


def test_calls_and_results_have_openais_form() -> None:
    call = ToolCall("c", "f", "{}")
    assert as_dict(Message("assistant", reasoning="Hm.", tool_calls=(call,))) == {
        "role": "assistant",
        "content": "",
        "reasoning_content": "Hm.",
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    }
    assert as_dict(Message("tool", (TextPart("42"),), tool_call_id="c")) == {
        "role": "tool",
        "content": "42",
        "tool_call_id": "c",
    }


def test_a_templates_refusal_names_the_endpoints_own_word() -> None:
    request = ChatRequest((text_message("user", "hi"),), blame=Blame(prompt="input"))
    with pytest.raises(TemplateRefused) as refused:
        render_prompt(inline(REFUSING), request, NO_TOOLS)
    assert refused.value.param == "input"
