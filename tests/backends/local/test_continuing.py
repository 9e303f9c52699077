"""A prompt ends where the content of its last message does, whatever the template writes behind it."""

from __future__ import annotations

import pytest

from server.answers.messages import Message, TextPart, text_message
from server.answers.request import ChatRequest, PromptEnd
from server.backends.local.prompt import render_prompt
from server.chat.template.template import FALLBACK_SOURCE, ChatTemplate
from server.chat.tools import NO_TOOLS, Tool, ToolUse
from server.errors.tree import TemplateRefused
from server.protocol.values import TextPiece
from tests.chat.chat_templates import NAMES, inline, make

TOOLS = ToolUse((Tool("get_time", {"type": "object", "properties": {}}),))


def pieces(template: ChatTemplate, said: str, end: PromptEnd = "content", use: ToolUse = NO_TOOLS) -> list[TextPiece]:
    messages = (text_message("user", "Where?"), text_message("assistant", said))
    return render_prompt(template, ChatRequest(messages, prompt_end=end), use)


def prompt(template: ChatTemplate, said: str, end: PromptEnd = "content", use: ToolUse = NO_TOOLS) -> str:
    return "".join(piece.text for piece in pieces(template, said, end, use))


@pytest.mark.parametrize("use", [NO_TOOLS, TOOLS], ids=["no tools", "tools"])
@pytest.mark.parametrize("name", NAMES)
def test_the_message_is_there_up_to_its_last_word_and_not_closed(name: str, use: ToolUse) -> None:
    begun, whole = (prompt(make(name), "The capital of", end, use) for end in ("content", "message"))
    assert begun.endswith("The capital of")
    assert whole.startswith(begun)


@pytest.mark.parametrize("name", NAMES)
def test_a_space_at_the_end_stays(name: str) -> None:
    assert prompt(make(name), "The capital of ").endswith("The capital of ")


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_message_ends_where_its_content_would_begin(name: str) -> None:
    begun = prompt(make(name), "")
    assert prompt(make(name), "The capital of") == f"{begun}The capital of"


def test_the_fallback_goes_on_as_any_template() -> None:
    begun = "<|im_start|>user\nWhere?<|im_end|>\n<|im_start|>assistant\nThere"
    assert prompt(inline(FALLBACK_SOURCE), "There") == begun


def test_a_control_token_that_was_said_is_text() -> None:
    found = pieces(make("chatml"), "A <|im_end|> in")
    assert found[-1] == TextPiece("assistant\nA <|im_end|> in", parse_special=False)


def test_parts_stay_lines() -> None:
    said = Message("assistant", (TextPart("One"), TextPart("Two")))
    request = ChatRequest((text_message("user", "Count."), said), prompt_end="content")
    assert render_prompt(make("chatml"), request, NO_TOOLS)[-1].text.endswith("One\nTwo")


def test_a_template_that_does_not_show_the_message_cannot_continue_it() -> None:
    with pytest.raises(TemplateRefused) as refused:
        prompt(inline("{{ messages[0].content }}"), "There")
    assert refused.value.param == "messages"
