"""Empty descriptions for tools that come without, as OpenAI's API takes them and some templates do not.

Which of them a template needs, `learned` finds out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Tool = Mapping[str, Any]
Describe = Callable[[Tool], Tool]


def as_it_is(tool: Tool) -> Tool:
    """The tool with what descriptions it has."""
    return tool


def with_description(tool: Tool) -> Tool:
    """The tool with a description of what it does."""
    function = tool.get("function")
    return {**tool, "function": _described(function)} if isinstance(function, Mapping) else tool


def with_all_descriptions(tool: Tool) -> Tool:
    """The tool with a description of what it does and of each of its parameters."""
    tool = with_description(tool)
    function = tool.get("function")
    parameters = function.get("parameters") if isinstance(function, Mapping) else None
    properties = parameters.get("properties") if isinstance(parameters, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(parameters, Mapping) or not isinstance(properties, Mapping):
        return tool
    described = {name: _described(schema) for name, schema in properties.items()}
    return {**tool, "function": {**function, "parameters": {**parameters, "properties": described}}}


DESCRIBING: tuple[Describe, ...] = (as_it_is, with_description, with_all_descriptions)
"""From the least to the most."""


def _described(schema: Any) -> Any:
    is_described = not isinstance(schema, Mapping) or schema.get("description") is not None
    return schema if is_described else {**schema, "description": ""}
