"""The functions that a chat completion may call, and which of them it must: `tools`, `tool_choice` and older words.

Both generations of the API come out alike. Whether a schema can be followed is not decided here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from schemas.fields.base import (
    Array,
    Boolean,
    Choice,
    Object,
    RequestSchema,
    StrictField,
    Text,
    as_object,
    at,
    at_path,
    invalid,
    problem,
    shown,
    wrong_type,
)
from schemas.fields.json_schema import Definitions, JSONSchema, an_object, any_of

MAX_TOOLS = 1024
"""Functions of one request. OpenAI takes 128; collections of tools from several servers are larger."""

NAME = "[a-zA-Z0-9_-]{1,64}"

NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}


@dataclass(frozen=True)
class FunctionTool:
    """A function that the client can run."""

    name: str
    description: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=lambda: NO_PARAMETERS)
    """JSON Schema of its arguments."""
    strict: bool = False
    param: str = field(default="tools", compare=False)
    """Place of its schema in the request, for errors about it."""


@dataclass(frozen=True)
class ToolChoice:
    """Whether functions may or must be called, and which."""

    mode: str = "auto"
    """"none", "auto" or "required"."""
    names: tuple[str, ...] | None = None
    """Functions that it is about; None is all of them."""
    is_single: bool = False
    """Whether one call is asked for, and not one or more."""


AUTO = ToolChoice()


# --- tools ----------------------------------------------------------------------------------------------------------


class FunctionName(StrictField[str]):
    """A name as OpenAI allows it."""

    _text = Text()

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        name = self._text.load(value)
        if not re.fullmatch(NAME, name):
            raise invalid(f"must be of letters, digits, _ and -, 1 to 64 of them, got {shown(name)}")
        return name

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return {"type": "string", "pattern": f"^{NAME}$"}


class Parameters(StrictField[dict[str, Any]]):
    """The schema of an object; an empty one is that of no arguments."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, Any]:
        schema = as_object(value)
        if schema and schema.get("type") != "object":
            raise invalid(f"must be the schema of an object, with the type 'object', got {shown(schema.get('type'))}")
        return schema or NO_PARAMETERS

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return any_of({"type": "object", "maxProperties": 0}, an_object({"type": {"const": "object"}}))


class FunctionSchema(RequestSchema):
    """A function's name and what it takes. The deprecated `functions` have no `strict`, which came later."""

    name = FunctionName(required=True)
    description = Text()
    parameters = Parameters()
    strict = Boolean()


FUNCTION = FunctionSchema()


class ToolField(StrictField[FunctionTool]):
    """An entry of `tools`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> FunctionTool:
        tool = as_object(value)
        with at("type"):
            _check_type(tool.get("type"), ("function",))
        with at("function"):
            if tool.get("function") is None:
                raise problem("is required, but was not given", "missing_required_parameter")
            return FunctionTool(**FUNCTION.load(as_object(tool["function"])))

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return an_object({"type": {"const": "function"}, "function": definitions.refer(FUNCTION)})


class FunctionField(StrictField[FunctionTool]):
    """An entry of the deprecated `functions`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> FunctionTool:
        return FunctionTool(**FUNCTION.load(as_object(value)))

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return definitions.refer(FUNCTION)


class Functions(StrictField[tuple[FunctionTool, ...]]):
    """Functions of different names; `name_path` is where each has its name."""

    def __init__(self, item: StrictField[FunctionTool], *name_path: str) -> None:
        super().__init__()
        self._array = Array(item, max_items=MAX_TOOLS)
        self._name_path = name_path

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[FunctionTool, ...]:
        functions = self._array.load(value)
        seen: set[str] = set()
        for index, function in enumerate(functions):
            if function.name in seen:
                with at_path(index, *self._name_path):
                    raise invalid(f"must be the only one of its name, got {shown(function.name)} again")
            seen.add(function.name)
        *holder, _ = self._name_path
        return tuple(
            replace(function, param=".".join([f"{attr}[{index}]", *holder, "parameters"]))
            for index, function in enumerate(functions)
        )

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return self._array.json_schema(definitions)


# --- which of them --------------------------------------------------------------------------------------------------


class NamedSchema(RequestSchema):
    name = Text(required=True)


NAMED = NamedSchema()


class ToolReference(StrictField[str]):
    """The name in {"type": "function", "function": {"name": ...}}."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        reference = as_object(value)
        with at("type"):
            _check_type(reference.get("type"), ("function",))
        with at("function"):
            return str(NAMED.load(as_object(reference.get("function")))["name"])

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return an_object({"type": {"const": "function"}, "function": definitions.refer(NAMED)})


class AllowedToolsSchema(RequestSchema):
    mode = Choice(("auto", "required"), required=True)
    tools = Array(ToolReference(), min_items=1, max_items=MAX_TOOLS, required=True)


class ToolChoiceField(StrictField[ToolChoice]):
    """A word, a function, or a mode for some of the functions."""

    _word = Choice(("none", "auto", "required"))
    _function = ToolReference()
    _allowed = Object(AllowedToolsSchema())

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> ToolChoice:
        if isinstance(value, str):
            return ToolChoice(self._word.load(value))
        if not isinstance(value, dict):
            raise wrong_type("a string or an object", value)
        with at("type"):
            _check_type(value.get("type"), ("function", "allowed_tools"))
        if value["type"] == "function":
            return ToolChoice("required", (self._function.load(value),), is_single=True)
        with at("allowed_tools"):
            allowed = self._allowed.load(value.get("allowed_tools"))
        return ToolChoice(allowed["mode"], tuple(allowed["tools"]))

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        allowed = {"type": {"const": "allowed_tools"}, "allowed_tools": self._allowed.json_schema(definitions)}
        word, function = self._word.json_schema(definitions), self._function.json_schema(definitions)
        return any_of(word, function, an_object(allowed))


class FunctionChoiceField(StrictField[ToolChoice]):
    """The deprecated `function_call`."""

    _word = Choice(("none", "auto"))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> ToolChoice:
        if isinstance(value, str):
            return ToolChoice(self._word.load(value), is_single=True)
        name = str(NAMED.load(as_object(value))["name"])
        return ToolChoice("required", (name,), is_single=True)

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return any_of(self._word.json_schema(definitions), definitions.refer(NAMED))


# --- how they meet --------------------------------------------------------------------------------------------------


def check_choice(choice: ToolChoice, functions: Sequence[FunctionTool], param: str = "tool_choice") -> None:
    """Refuse a choice among functions that are not there.

    Raises:
        ValidationError: with the place of the choice, in the parameter of that name.
    """
    if choice.mode == "required" and not functions:
        raise invalid("demands a call, but there is no function to call", param)
    known = {function.name for function in functions}
    for index, name in enumerate(choice.names or ()):
        if name not in known:
            with at_path(param, *_path_of_name(choice, index, param)):
                raise invalid(f"must be the name of a function that is given, got {shown(name)}")


def _path_of_name(choice: ToolChoice, index: int, param: str) -> tuple[str | int, ...]:
    if param == "function_call":
        return ("name",)
    return ("function", "name") if choice.is_single else ("allowed_tools", "tools", index, "function", "name")


def callable_functions(functions: Sequence[FunctionTool], choice: ToolChoice) -> tuple[FunctionTool, ...]:
    """Functions that may be called."""
    if choice.mode == "none":
        return ()
    return tuple(function for function in functions if choice.names is None or function.name in choice.names)


def _check_type(kind: object, expected: tuple[str, ...]) -> None:
    if kind is None:
        raise problem("is required, but was not given", "missing_required_parameter")
    if kind == "custom":
        raise problem("is not supported: 'custom'; this server calls functions only", "unsupported_parameter")
    Choice(expected).load(kind)
