"""A conversation of the OpenAI API in the form that chat templates were written for. It renders nothing."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.chat.reasoning import ThinkTags
from server.chat.template.capabilities import Capabilities, as_parts

Message = Mapping[str, Any]

_SHORT_ID = re.compile(r"[a-zA-Z0-9]{9}")
_ROLES = frozenset(["system", "developer", "user", "assistant", "tool", "function"])


@dataclass(frozen=True)
class Audience:
    """What must be known of a template to write for it."""

    knows_developer: bool
    """Whether it has a developer role; otherwise that is the system role."""
    capabilities: Callable[[], Capabilities]
    """Asked for only where a message calls tools."""
    own_text: Callable[[str], str]
    """Makes a text count as the template's own."""
    reasoning_key: str = "reasoning_content"
    """What it calls the reasoning of an earlier message; "content" where it looks for it there, between tags."""
    think_tags: Callable[[], ThinkTags | None] = lambda: None
    """Asked for only where reasoning goes into the content."""
    wants_parts: Callable[[], bool] = lambda: False
    """Whether it shows contents only where they are arrays of parts."""


def as_shown(messages: Sequence[Message], audience: Audience) -> list[dict[str, Any]]:
    """The messages as the template shall see them: values that are absent in the API are absent here."""
    shown = [_shown(message, audience) for message in messages]
    return [_with_parts(message) for message in shown] if audience.wants_parts() else shown


def _with_parts(shown: dict[str, Any]) -> dict[str, Any]:
    content = shown.get("content")
    return {**shown, "content": as_parts(content)} if isinstance(content, str) else shown


def _shown(message: Message, audience: Audience) -> dict[str, Any]:
    shown = {key: value for key, value in message.items() if value is not None or key == "content"}
    role = shown["role"]
    if role == "developer" and not audience.knows_developer:
        role = "system"
    # Templates compose control tokens with the role, as in '<|' + message.role + '|>'; so it counts as theirs.
    shown["role"] = audience.own_text(role) if role in _ROLES else role
    if shown.get("reasoning_content") and audience.reasoning_key != "reasoning_content":
        _show_reasoning(shown, audience)
    if role == "tool" and not audience.capabilities().takes_any_id:
        shown["tool_call_id"] = _short_id(shown.get("tool_call_id"))
    if shown.get("tool_calls"):
        _show_tool_calls(shown, audience.capabilities())
    elif shown.get("content") is None:
        shown["content"] = ""
    return shown


def _show_reasoning(shown: dict[str, Any], audience: Audience) -> None:
    reasoning = shown.pop("reasoning_content")
    if audience.reasoning_key != "content":
        shown[audience.reasoning_key] = reasoning
    elif tags := audience.think_tags():
        shown["content"] = f"{tags.start}\n{reasoning}\n{tags.end}\n\n{shown.get('content') or ''}"


def _show_tool_calls(shown: dict[str, Any], capabilities: Capabilities) -> None:
    # In the API no content and an empty one are the same here.
    shown["content"] = shown.get("content") or (None if capabilities.takes_null_content else "")
    if capabilities.takes_object_arguments:
        shown["tool_calls"] = [_with_object_arguments(call) for call in shown["tool_calls"]]
    if not capabilities.takes_any_id:
        shown["tool_calls"] = [{**call, "id": _short_id(call.get("id"))} for call in shown["tool_calls"]]


def _short_id(call_id: object) -> str:
    """Nine letters and digits, the same ones for the same id."""
    text = str(call_id)
    return text if _SHORT_ID.fullmatch(text) else hashlib.sha256(text.encode(errors="replace")).hexdigest()[:9]


def _with_object_arguments(call: Mapping[str, Any]) -> Mapping[str, Any]:
    """The call, its arguments parsed where they are the JSON text of an object; models write other things as well."""
    function = call.get("function")
    if not isinstance(function, Mapping) or not isinstance(function.get("arguments"), str):
        return call
    try:
        arguments = json.loads(function["arguments"])
    except (ValueError, RecursionError):
        return call
    if not isinstance(arguments, dict):
        return call
    return {**call, "function": {**function, "arguments": arguments}}
