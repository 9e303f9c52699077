"""Calls and results written into the texts of messages, for templates that would not show them.

    assistant: [content, then] the calls
    user: what a tool answered; answers of one turn, and what the user says next, in one message

The format is a family's. It does not know templates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from server.chat.calls.family import PromptedFamily
from server.chat.template.contents import text_of

Message = Mapping[str, Any]


def without_tool_messages(messages: Sequence[Message], family: PromptedFamily) -> list[Message]:
    """The same conversation, its calls and results written into texts."""
    written: list[Message] = []
    names: dict[object, str] = {}
    follows_result = False
    for message in messages:
        names |= {call.get("id"): call["function"]["name"] for call in message.get("tool_calls") or ()}
        shown = with_written_result(with_written_calls(message, family), family, names)
        if follows_result and shown["role"] == "user":
            shown = {**shown, "content": f"{text_of(written.pop())}\n{text_of(shown)}"}
        written.append(shown)
        follows_result = message["role"] == "tool"
    return written


def with_shown_calls(
    messages: Sequence[Message], shows_calls: bool, shows_results: bool, family: PromptedFamily
) -> list[Message]:
    """The same conversation for a template that shows as much of calls and results itself."""
    if not shows_results:
        return without_tool_messages(messages, family)
    return list(messages) if shows_calls else [with_written_calls(message, family) for message in messages]


def with_written_calls(message: Message, family: PromptedFamily) -> Message:
    """A message with its calls in its text."""
    if not message.get("tool_calls"):
        return message
    calls = [(call["function"]["name"], call["function"]["arguments"]) for call in message["tool_calls"]]
    content = "\n".join(filter(None, [text_of(message), family.written_calls(calls)]))
    return {**{key: value for key, value in message.items() if key != "tool_calls"}, "content": content}


def with_written_result(message: Message, family: PromptedFamily, names: Mapping[object, str]) -> Message:
    """A tool's message as one of the user; `names` are the functions' by the ids of the calls."""
    if message["role"] != "tool":
        return message
    name = message.get("name") or names.get(message.get("tool_call_id"))
    return {"role": "user", "content": family.written_result(name, text_of(message))}
