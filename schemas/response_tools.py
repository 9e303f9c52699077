"""The functions of a response, and which of them it must call: `tools` and `tool_choice` in the Responses API's words.

They are flat where those of chat completions are nested. Tools of other types are OpenAI's own to run, or a client's
that can do without: they are passed over, in `tools` and among the allowed ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from schemas.fields.base import Array, Choice, StrictField, Text, as_object, at, at_path, invalid, problem, shown
from schemas.fields.json_schema import Definitions, JSONSchema, an_object, any_of
from schemas.tools import AUTO, FUNCTION, MAX_TOOLS, FunctionTool, ToolChoice

FUNCTION_TYPE = "function"

MAX_TYPE_LENGTH = 64
"""Characters in the type of a tool that is passed over."""


@dataclass(frozen=True)
class Choosing:
    """A `tool_choice`, as it is meant and as the client wrote it."""

    meant: ToolChoice = AUTO
    written: Any = "auto"


class Tool(StrictField[FunctionTool | None]):
    """An entry of `tools`: a function, or None for what is passed over."""

    _type = Text(MAX_TYPE_LENGTH, may_be_empty=False)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> FunctionTool | None:
        tool = as_object(value)
        with at("type"):
            if tool.get("type") is None:
                raise problem("is required, but was not given", "missing_required_parameter")
            kind = self._type.load(tool["type"])
        return FunctionTool(**FUNCTION.load(tool)) if kind == FUNCTION_TYPE else None

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        function = {**definitions.refer(FUNCTION), **an_object({"type": {"const": FUNCTION_TYPE}})}
        return any_of(function, an_object({"type": _another(self._type.json_schema(definitions))}))


class Tools(StrictField[tuple[FunctionTool, ...]]):
    """The functions among the tools; their names are different."""

    _array = Array(Tool(), max_items=MAX_TOOLS)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[FunctionTool, ...]:
        functions: dict[str, FunctionTool] = {}
        for index, tool in enumerate(self._array.load(value)):
            if tool is None:
                continue
            if tool.name in functions:
                with at_path(index, "name"):
                    raise invalid(f"must be the only one of its name, got {shown(tool.name)} again")
            functions[tool.name] = replace(tool, param=f"{attr}[{index}].parameters")
        return tuple(functions.values())

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return self._array.json_schema(definitions)


class Reference(StrictField[str | None]):
    """The name in {"type": "function", "name": ...}; None for a tool that is passed over."""

    _type = Text(MAX_TYPE_LENGTH)
    _name = Text()

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str | None:
        reference = as_object(value)
        with at("type"):
            kind = self._type.load(reference.get("type"))
        if kind != FUNCTION_TYPE:
            return None
        with at("name"):
            return self._name.load(reference.get("name"))

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        function = an_object({"type": {"const": FUNCTION_TYPE}, "name": self._name.json_schema(definitions)})
        return any_of(function, an_object({"type": _another(self._type.json_schema(definitions))}))


class ChoosingField(StrictField[Choosing]):
    """A word, a function, or a mode for some of the functions."""

    _word = Choice(("none", "auto", "required"))
    _type = Text(MAX_TYPE_LENGTH)
    _mode = Choice(("auto", "required"))
    _references = Array(Reference(), min_items=1, max_items=MAX_TOOLS)
    _name = Text()

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Choosing:
        if isinstance(value, str):
            return Choosing(ToolChoice(self._word.load(value)), value)
        choice = as_object(value)
        with at("type"):
            kind = self._type.load(choice.get("type"))
            if kind not in (FUNCTION_TYPE, "allowed_tools"):
                raise problem(f"is not supported: '{kind}'; this server calls functions only", "unsupported_parameter")
        if kind == FUNCTION_TYPE:
            with at("name"):
                name = self._name.load(choice.get("name"))
            return Choosing(ToolChoice("required", (name,), is_single=True), {"type": FUNCTION_TYPE, "name": name})
        return self._allowed(choice)

    def _allowed(self, choice: Mapping[str, Any]) -> Choosing:
        with at("mode"):
            mode = self._mode.load(choice.get("mode"))
        with at("tools"):
            references = self._references.load(choice.get("tools"))
        names = tuple(name for name in references if name is not None)
        return Choosing(ToolChoice(mode, names), {"type": "allowed_tools", "mode": mode, "tools": choice["tools"]})

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        function = {"type": {"const": FUNCTION_TYPE}, "name": self._name.json_schema(definitions)}
        allowed = {
            "type": {"const": "allowed_tools"},
            "mode": self._mode.json_schema(definitions),
            "tools": self._references.json_schema(definitions),
        }
        return any_of(self._word.json_schema(definitions), an_object(function), an_object(allowed))


def _another(kind: JSONSchema) -> JSONSchema:
    """A type that is not that of functions."""
    return {**kind, "not": {"const": FUNCTION_TYPE}}


def check_choosing(choosing: Choosing, functions: Sequence[FunctionTool]) -> None:
    """Refuse a choice among functions that are not there.

    Raises:
        ValidationError: naming `tool_choice`.
    """
    choice = choosing.meant
    known = {function.name for function in functions}
    for name in choice.names or ():
        if name not in known:
            with at_path("tool_choice", "name" if choice.is_single else "tools"):
                raise invalid(f"must be the name of a function in 'tools', got {shown(name)}")
    if choice.mode == "required" and not (known if choice.names is None else choice.names):
        raise invalid("demands a call, but there is no function to call", "tool_choice")


def shown_tool(function: FunctionTool) -> dict[str, Any]:
    """A function as a Response object has it."""
    return {
        "type": FUNCTION_TYPE,
        "name": function.name,
        "description": function.description,
        "parameters": dict(function.parameters),
        "strict": function.strict,
    }
