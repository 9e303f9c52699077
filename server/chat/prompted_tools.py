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
from server.chat.calls.family import PromptedFamily
from server.chat.families.detection import GENERIC
from server.chat.template.errors import MessagesRefused
from server.chat.template.template import ChatTemplate
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
    instructions = GENERIC.instructions(use.tools, parallel=False)
    try:
        return render(with_instructions(written, instructions))
    except MessagesRefused:
        # Some templates have no system role; whether it was that, the user's message instead will tell.
        return render(with_first_words(written, instructions))


def without_tool_messages(messages: Sequence[Message], family: PromptedFamily) -> list[Message]:
    """The same conversation, its calls and results written into texts."""
    written: list[Message] = []
    names: dict[object, str] = {}
    follows_result = False
    for message in messages:
        names |= {call.get("id"): call["function"]["name"] for call in message.get("tool_calls") or ()}
        shown = _written(message, family, names)
        if follows_result and shown["role"] == "user":
            shown = {**shown, "content": f"{written.pop()['content']}\n{shown['content']}"}
        written.append(shown)
        follows_result = message["role"] == "tool"
    return written


def with_instructions(messages: Sequence[Message], instructions: str) -> list[Message]:
    """The messages with these words in the system message, behind the client's own."""
    if not messages or messages[0]["role"] not in INSTRUCTION_ROLES:
        return [{"role": "system", "content": instructions}, *messages]
    first = messages[0]
    return [{**first, "content": f"{first['content']}\n\n{instructions}"}, *messages[1:]]


def with_first_words(messages: Sequence[Message], instructions: str) -> list[Message]:
    """The messages with these words in front of what the user says first."""
    at = next((i for i, message in enumerate(messages) if message["role"] == "user"), None)
    if at is None:
        return [{"role": "user", "content": instructions}, *messages]
    first = messages[at]
    return [*messages[:at], {**first, "content": f"{instructions}\n\n{first['content']}"}, *messages[at + 1 :]]


def _written(message: Message, family: PromptedFamily, names: Mapping[object, str]) -> Message:
    if message["role"] == "tool":
        name = message.get("name") or names.get(message.get("tool_call_id"))
        return {"role": "user", "content": family.written_result(name, message.get("content") or "")}
    if not message.get("tool_calls"):
        return message
    calls = [(call["function"]["name"], call["function"]["arguments"]) for call in message["tool_calls"]]
    content = "\n".join(filter(None, [message.get("content"), family.written_calls(calls)]))
    return {**{key: value for key, value in message.items() if key != "tool_calls"}, "content": content}
