"""What a template can take of messages, found out by trying.

Most are written for contents that are texts, those of vision models often for arrays of parts alone: of a text they
show nothing, without a word. About an assistant message that calls tools they differ more. OpenAI's API has
`content: null` and arguments as JSON text there: some ask whether content is none, others would print "None"; most want
arguments as an object and dump it themselves, others paste them as they are. Some refuse ids that are not of nine
letters and digits, as their own models make them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from server.chat.template.contents import as_parts
from server.chat.template.errors import TemplateError

NEEDLE = "needle"
PROBED_TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "probe",
        "description": "A tool.",
        "parameters": {"type": "object", "properties": {NEEDLE: {"type": "string", "description": "A text."}}},
    },
}

BARE_TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "probe", "parameters": {"type": "object", "properties": {NEEDLE: {"type": "string"}}}},
}
"""The same without a description of anything."""

SHORT_ID, LONG_ID = "call12345", "call_" + "a1B2" * 6
_HAY, _STRAW = "haystack", "straw"
_HELLO: dict[str, Any] = {"role": "user", "content": "Hello"}
_OBJECT = {NEEDLE: _HAY}

Render = Callable[[Sequence[dict[str, Any]], Sequence[dict[str, Any]]], str]
"""Messages and tools to text; raises TemplateError."""


@dataclass(frozen=True)
class Capabilities:
    takes_null_content: bool
    takes_object_arguments: bool
    takes_any_id: bool = True


_BEST_FIRST = [Capabilities(null, objects) for null in (True, False) for objects in (True, False)]


def wants_parts(render: Render) -> bool:
    """Whether the template that `render` runs shows a content only where it is an array of parts."""
    return _HAY not in _shown(render, _HAY) and _is_text_alone(_shown(render, as_parts(_HAY)))


def roles_with_parts(render: Render) -> frozenset[str]:
    """Whose contents it shows part by part where they are arrays of several texts."""
    return frozenset(role for role in ("system", "user", "assistant") if _shows_parts(render, role))


def _shows_parts(render: Render, role: str) -> bool:
    said: dict[str, Any] = {"role": role, "content": [*as_parts(_HAY), *as_parts(_STRAW)]}
    text = _rendered(render, {"system": [said, _HELLO], "assistant": [_HELLO, said]}.get(role, [said]))
    return _is_text_alone(text) and _STRAW in text[text.find(_HAY) :]


def takes_tool(render: Render, tool: Mapping[str, Any]) -> bool:
    """Whether it shows this variant of the probed tool."""
    return PROBED_TOOL["function"]["name"] in _rendered(render, [_HELLO], [dict(tool)])


def _shown(render: Render, content: object) -> str:
    return _rendered(render, [{"role": "user", "content": content}])


def _rendered(render: Render, messages: list[dict[str, Any]], tools: Sequence[dict[str, Any]] = ()) -> str:
    try:
        return render(messages, tools)
    except TemplateError:
        return ""


def _is_text_alone(text: str) -> bool:
    """The part's text is there, and the part itself is not printed."""
    return _HAY in text and "'type'" not in text and '"type"' not in text


def find_capabilities(render: Render) -> Capabilities:
    """What the template that `render` runs is best given; an empty text and JSON where it shows no tool calls."""
    # Some write a tool as the head of a function in Python, with None for what may be left out.
    num_nones = _rendered(render, [_HELLO], [PROBED_TOOL]).count("None")

    def shows_well(capabilities: Capabilities, call_id: str) -> bool:
        return _is_shown_well(_tried(render, capabilities, call_id), num_nones)

    best = next((capabilities for capabilities in _BEST_FIRST if shows_well(capabilities, SHORT_ID)), None)
    if best is None:
        return Capabilities(takes_null_content=False, takes_object_arguments=False)
    return replace(best, takes_any_id=shows_well(best, LONG_ID))


def _tried(render: Render, capabilities: Capabilities, call_id: str) -> str:
    arguments = _OBJECT if capabilities.takes_object_arguments else json.dumps(_OBJECT)
    content = None if capabilities.takes_null_content else ""
    call = {"id": call_id, "type": "function", "function": {"name": "probe", "arguments": arguments}}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": content, "tool_calls": [call]},
        {"role": "tool", "content": "Hi", "name": "probe", "tool_call_id": call_id},
    ]
    return _rendered(render, messages, [PROBED_TOOL])


def _is_shown_well(text: str, num_nones: int) -> bool:
    """The call's arguments are there, and nothing of the call is printed as Python would write it."""
    return _HAY in text and text.count("None") <= num_nones and str(_OBJECT) not in text
