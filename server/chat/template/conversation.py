"""A conversation of the OpenAI API in the form that chat templates were written for. It renders nothing."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.chat.reasoning import ThinkTags
from server.chat.template.capabilities import Capabilities
from server.chat.template.contents import as_parts, joined_parts
from server.chat.template.thoughts import IN_CONTENT, IN_PARTS, in_content, in_parts

Message = Mapping[str, Any]

_SHORT_ID = re.compile(r"[a-zA-Z0-9]{9}")
_ROLES = frozenset(["system", "developer", "user", "assistant", "tool", "function"])


@dataclass(frozen=True)
class Audience:
    """What must be known of a template to write for it."""

    capabilities: Capabilities
    own_text: Callable[[str], str]
    """Makes a text count as the template's own."""
    thoughts_key: str | None = "reasoning_content"
    """What it calls the thoughts of an earlier message, see `find_thoughts_key`."""
    think_tags: ThinkTags | None = None
    """What thoughts stand between where they go into the content."""
    wants_parts: bool = False
    """Whether it shows contents only where they are arrays of parts."""
    roles_with_parts: frozenset[str] = frozenset()
    """Whose contents may be arrays of parts, which it joins itself."""


def as_shown(messages: Sequence[Message], audience: Audience) -> list[dict[str, Any]]:
    """The messages as the template shall see them: values that are absent in the API are absent here."""
    shown = [_shown(message, audience) for message in messages]
    return [_with_parts(message) for message in shown] if audience.wants_parts else shown


def _with_parts(shown: dict[str, Any]) -> dict[str, Any]:
    content = shown.get("content")
    return {**shown, "content": as_parts(content)} if isinstance(content, str) else shown


def _shown(message: Message, audience: Audience) -> dict[str, Any]:
    shown = {key: value for key, value in message.items() if value is not None or key == "content"}
    role = shown["role"]
    if isinstance(shown.get("content"), list) and role not in audience.roles_with_parts and not audience.wants_parts:
        shown["content"] = joined_parts(shown["content"])
    # Templates compose control tokens with the role, as in '<|' + message.role + '|>'; so it counts as theirs.
    shown["role"] = audience.own_text(role) if role in _ROLES else role
    if shown.get("reasoning_content") and audience.thoughts_key != "reasoning_content":
        _show_thoughts(shown, audience)
    if role == "tool" and not audience.capabilities.takes_any_id:
        shown["tool_call_id"] = _short_id(shown.get("tool_call_id"))
    if shown.get("tool_calls"):
        _show_tool_calls(shown, audience.capabilities)
    elif shown.get("content") is None:
        shown["content"] = ""
    return shown


def _show_thoughts(shown: dict[str, Any], audience: Audience) -> None:
    thoughts = shown.pop("reasoning_content")
    if audience.thoughts_key == IN_PARTS:
        shown["content"] = in_parts(thoughts, joined_parts(shown.get("content")))
        return
    if audience.thoughts_key == IN_CONTENT and audience.think_tags:
        shown["content"] = in_content(audience.think_tags, thoughts, joined_parts(shown.get("content")))
    elif audience.thoughts_key is not None:
        shown[audience.thoughts_key] = thoughts


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
