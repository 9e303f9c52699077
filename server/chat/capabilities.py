"""What a template can take of an assistant message that calls tools, found out by trying.

OpenAI's API has `content: null` and arguments as JSON text there. Templates differ: some ask whether content is none,
others would print "None"; most want arguments as an object and dump it themselves, others paste them as they are. Some
refuse ids that are not of nine letters and digits, as their own models make them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from server.chat.errors import TemplateError

_NEEDLE = "needle"
_TOOL = {
    "type": "function",
    "function": {
        "name": "probe",
        "description": "A tool.",
        "parameters": {"type": "object", "properties": {_NEEDLE: {"type": "string", "description": "A text."}}},
    },
}

SHORT_ID, LONG_ID = "call12345", "call_" + "a1B2" * 6
_HAY = "haystack"
_OBJECT = {_NEEDLE: _HAY}

Render = Callable[[Sequence[dict[str, Any]], Sequence[dict[str, Any]]], str]
"""Messages and tools to text; raises TemplateError."""


@dataclass(frozen=True)
class Capabilities:
    takes_null_content: bool
    takes_object_arguments: bool
    takes_any_id: bool = True


_BEST_FIRST = [Capabilities(null, objects) for null in (True, False) for objects in (True, False)]


def find_capabilities(render: Render) -> Capabilities:
    """What the template that `render` runs is best given; an empty text and JSON where it shows no tool calls."""
    shows = (capabilities for capabilities in _BEST_FIRST if _is_shown_well(_tried(render, capabilities, SHORT_ID)))
    best = next(shows, None)
    if best is None:
        return Capabilities(takes_null_content=False, takes_object_arguments=False)
    return replace(best, takes_any_id=_is_shown_well(_tried(render, best, LONG_ID)))


def _tried(render: Render, capabilities: Capabilities, call_id: str) -> str:
    arguments = _OBJECT if capabilities.takes_object_arguments else json.dumps(_OBJECT)
    content = None if capabilities.takes_null_content else ""
    call = {"id": call_id, "type": "function", "function": {"name": "probe", "arguments": arguments}}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": content, "tool_calls": [call]},
        {"role": "tool", "content": "Hi", "name": "probe", "tool_call_id": call_id},
    ]
    try:
        return render(messages, [_TOOL])
    except TemplateError:
        return ""


def _is_shown_well(text: str) -> bool:
    """The call's arguments are there, and nothing is printed as Python would write it."""
    return _HAY in text and "None" not in text and f"{{'{_NEEDLE}'" not in text
