"""Conversations with tools: shown by the template if it knows tools, else written into the messages' texts.

    system: [the client's own instructions, then] what there is to call, and how
    assistant: [content, then] the calls
    user: what a tool answered; answers of one turn, and what the user says next, in one message

The format is the family's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from server.answers.messages import INSTRUCTION_ROLES
from server.chat.families.detection import GENERIC
from server.chat.template.contents import text_of
from server.chat.template.template import ChatTemplate
from server.chat.template.written_calls import without_tool_messages
from server.chat.tools import NO_TOOLS, ToolUse
from server.protocol.values import TextPiece

Message = Mapping[str, Any]


def render_chat(
    template: ChatTemplate,
    messages: Sequence[Message],
    use: ToolUse = NO_TOOLS,
    template_kwargs: Mapping[str, Any] = {},
    add_generation_prompt: bool = True,
) -> list[TextPiece]:
    """The prompt for messages as in the OpenAI API, with contents joined to strings; raises TemplateError."""

    def render(shown: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()) -> list[TextPiece]:
        return template.render(
            shown, tools=tools, template_kwargs=template_kwargs, add_generation_prompt=add_generation_prompt
        )

    if template.tool_family is not GENERIC:
        tools = [tool.as_shown for tool in use.tools]
        return render(messages, tools)
    written = without_tool_messages(messages, GENERIC)
    if not use.tools:
        return render(written)
    return render(with_instructions(written, GENERIC.instructions(use.tools, parallel=False)))


def with_instructions(messages: Sequence[Message], instructions: str) -> list[Message]:
    """The messages with these words in the system message, behind the client's own."""
    if not messages or messages[0]["role"] not in INSTRUCTION_ROLES:
        return [{"role": "system", "content": instructions}, *messages]
    first = messages[0]
    return [{**first, "content": f"{text_of(first)}\n\n{instructions}"}, *messages[1:]]
