"""Items of the Responses API as messages for a chat template.

    reasoning, message (assistant), function_call, function_call   one assistant message
    function_call_output                                           one tool message
    message of any other role                                      one message

It does not know storage, the template or the number of tokens. Items of types that no template has a place for are
passed over: they are kept in the conversation, and the model does not see them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from server.answers.messages import (
    INSTRUCTION_ROLES,
    MediaPart,
    Message,
    Part,
    TextPart,
    ToolCall,
    joined,
    text_message,
)
from server.responses.opaque import unsealed_text

Item = Mapping[str, Any]

CALL_TYPES = ("function_call", "custom_tool_call", "local_shell_call")
OUTPUT_TYPES = ("function_call_output", "custom_tool_call_output", "local_shell_call_output")

ASSISTANT_TYPES = ("reasoning", *CALL_TYPES)


class PromptProblem(Exception):
    """The items do not make a prompt; the message says why, for the client."""


def chat_messages(items: Iterable[Item], instructions: str | None = None, summary: str | None = None) -> list[Message]:
    """The conversation as chat messages.

    Instructions, leading system messages and the summary of what was compacted become one message.
    """
    messages: list[Message] = []
    for item in with_all_answers(items):
        _add(messages, item)
    num_leading = next((index for index, message in enumerate(messages) if not message.is_instruction), len(messages))
    told = [message.text for message in messages[:num_leading]]
    leading = [text for text in (instructions, *told, summary) if text]
    if not leading:
        return messages[num_leading:]
    return [text_message("developer", "\n\n".join(leading)), *messages[num_leading:]]


def with_all_answers(items: Iterable[Item]) -> list[Item]:
    """The items, with an output that says so behind calls that have none anywhere: templates expect one of each."""
    given = list(items)
    answered = {call_id_of(item) for item in given if item.get("type") in OUTPUT_TYPES}
    complete: list[Item] = []
    open_calls: list[Item] = []
    for item in given:
        if open_calls and item.get("type") not in (*ASSISTANT_TYPES, *OUTPUT_TYPES):
            complete += map(_no_answer, open_calls)
            open_calls = []
        complete.append(item)
        if item.get("type") in CALL_TYPES and call_id_of(item) not in answered:
            open_calls.append(item)
    return complete + list(map(_no_answer, open_calls))


def is_instruction(item: Item) -> bool:
    """Whether it is a message that tells the model how to behave."""
    return item.get("type") == "message" and item.get("role") in INSTRUCTION_ROLES


def is_users(item: Item) -> bool:
    """Whether it is a message of the user."""
    return item.get("type") == "message" and item.get("role") == "user"


def check_outputs(items: Sequence[Item], new_items: Sequence[Item]) -> None:
    """Refuse a tool's output among the new items that answers no call.

    Raises:
        PromptProblem: naming the call.
    """
    known = call_ids(items) | call_ids(new_items)
    for item in new_items:
        if item.get("type") in OUTPUT_TYPES and call_id_of(item) not in known:
            raise PromptProblem(f"No tool call found for function call output with call_id {call_id_of(item)}.")


def call_ids(items: Iterable[Item]) -> set[str]:
    """What the tool calls among the items are called by their outputs."""
    return {call_id_of(item) for item in items if item.get("type") in CALL_TYPES}


def call_id_of(item: Item) -> str:
    return str(item.get("call_id") or item.get("id") or "")


def text_of(content: object) -> str:
    """The text of a message's content or of a tool's output; what is no text is named in its place."""
    return joined(parts_of(content))


def parts_of(content: object) -> tuple[Part, ...]:
    """A message's content, or a tool's output, in parts."""
    if isinstance(content, str):
        return (TextPart(content),)
    if not isinstance(content, list):
        return ()
    return tuple(_part(part) for part in content if isinstance(part, Mapping))


def _part(part: Mapping[str, Any]) -> Part:
    for name in ("text", "refusal"):
        if isinstance(part.get(name), str):
            return TextPart(str(part[name]))
    return MediaPart(str(part.get("type", "something")), part)


def _add(messages: list[Message], item: Item) -> None:
    kind = item.get("type", "message")
    if kind == "message" and item.get("role") != "assistant":
        messages.append(Message(str(item.get("role", "user")), parts_of(item.get("content"))))
    elif kind == "message":
        last = _taken_assistant(messages, lambda said: said.content is not None or bool(said.tool_calls))
        messages.append(replace(last, content=parts_of(item.get("content"))))
    elif kind == "reasoning":
        _add_reasoning(messages, item)
    elif kind in CALL_TYPES:
        last = _taken_assistant(messages, lambda said: False)
        messages.append(replace(last, tool_calls=(*last.tool_calls, _tool_call(item))))
    elif kind in OUTPUT_TYPES:
        messages.append(Message("tool", parts_of(item.get("output")), tool_call_id=call_id_of(item)))


def _add_reasoning(messages: list[Message], item: Item) -> None:
    text = text_of(item.get("content")) or unsealed_text(item.get("encrypted_content")) or text_of(item.get("summary"))
    if text:
        last = _taken_assistant(
            messages,
            lambda said: said.content is not None or bool(said.tool_calls) or said.reasoning is not None,
        )
        messages.append(replace(last, reasoning=text))


def _taken_assistant(messages: list[Message], is_complete: Callable[[Message], bool]) -> Message:
    """The assistant's message that is being put together, taken off the end; a new one if that is complete."""
    if messages and messages[-1].role == "assistant" and not is_complete(messages[-1]):
        return messages.pop()
    return Message("assistant")


def _no_answer(call: Item) -> Item:
    was_cut_off = call.get("status") not in (None, "completed")
    reason = "The call broke off and was not run." if was_cut_off else "The call was not answered."
    return {"type": "function_call_output", "call_id": call_id_of(call), "output": reason}


def _arguments(text: object) -> str:
    """The JSON text of an object, whatever the model has written, or had written when it was cut off."""
    try:
        is_object = isinstance(text, str) and isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        is_object = False
    if is_object:
        return str(text)
    return json.dumps({"arguments": text}) if text else "{}"


def _tool_call(item: Item) -> ToolCall:
    match item.get("type"):
        case "custom_tool_call":
            name, arguments = item.get("name", ""), json.dumps({"input": item.get("input", "")})
        case "local_shell_call":
            name, arguments = "local_shell", json.dumps(item.get("action", {}))
        case _:
            name, arguments = item.get("name", ""), _arguments(item.get("arguments", ""))
    return ToolCall(call_id_of(item), str(name), arguments)
