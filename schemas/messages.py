"""Chat messages: from OpenAI's five roles (and the deprecated sixth) to plain dicts.

A message comes out as {"role", "content": (part, ...), ...}. A text is {"type": "text", "text"}, whether it was given
as a string or as a part; parts of other media stay as they were sent; a missing content has no parts. Tool calls keep
their arguments as a JSON string. The deprecated `function_call` and role "function" come out in today's spelling.
Whether a template knows a role, or a model takes pictures, is not decided here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import Schema, post_load, validates_schema

from schemas.fields.base import (
    Array,
    Choice,
    Object,
    RequestSchema,
    StrictField,
    Text,
    as_object,
    at,
    check_length,
    problem,
    wrong_type,
)
from schemas.fields.json_schema import Definitions, JSONSchema, an_object, any_of, tagged

Message = dict[str, Any]
Part = Mapping[str, Any]

MAX_TOOL_CALLS = 1000
MAX_MESSAGES = 10_000
MAX_NAME_LENGTH = 256
"""Characters in the name of a participant, a function or a tool call."""

OTHER_MEDIA = ("image_url", "input_audio", "file", "image", "video_url", "audio_url")
"""Kinds of content parts that are no text, and that not every model takes."""


# --- content --------------------------------------------------------------------------------------------------------


class Content(StrictField[tuple[Part, ...]]):
    """A string, or an array of parts; `kinds` are the kinds of parts that are text."""

    _string = Text()

    def __init__(
        self, kinds: tuple[str, ...] = ("text",), *, may_be_empty: bool = False, required: bool = False
    ) -> None:
        """`may_be_empty`: whether no parts are a content, as an empty string is one."""
        super().__init__(required=required)
        self._min_parts = 0 if may_be_empty else 1
        self._kind = Choice(kinds)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[Part, ...]:
        if isinstance(value, str):
            return (text_part(value),)
        if not isinstance(value, list):
            raise wrong_type("a string or an array of content parts", value)
        check_length(value, self._min_parts, None)
        return tuple(self._parts(value))

    def _parts(self, parts: list[Any]) -> Iterator[Part]:
        for index, part in enumerate(parts):
            with at(index):
                yield self._part(as_object(part))

    def _part(self, part: Part) -> Part:
        kind = part.get("type")
        if kind in OTHER_MEDIA:
            return part
        with at("type"):
            name = self._kind.load(kind)
        with at(name):
            return text_part(self._string.load(part.get(name)))

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        string = self._string.json_schema(definitions)
        texts = [an_object({"type": {"const": kind}, kind: string}) for kind in self._kind.choices]
        media = an_object({"type": {"enum": list(OTHER_MEDIA)}})
        return any_of(string, {"type": "array", "items": any_of(*texts, media), "minItems": self._min_parts})


def text_part(text: str) -> Part:
    """A part that is text, in OpenAI's form."""
    return {"type": "text", "text": text}


# --- tool calls -----------------------------------------------------------------------------------------------------


class CalledFunctionSchema(RequestSchema):
    """A call of a function: its arguments are JSON text, as the model wrote it."""

    name = Text(MAX_NAME_LENGTH, required=True)
    arguments = Text(required=True)


class ToolCallSchema(RequestSchema):
    """An entry of an assistant message's `tool_calls`."""

    id = Text(MAX_NAME_LENGTH, required=True)
    type = Choice(("function",))
    function = Object(CalledFunctionSchema(), required=True)

    @post_load
    def _with_type(self, data: Any, **kwargs: Any) -> dict[str, Any]:
        return {"id": data["id"], "type": "function", "function": data["function"]}


# --- messages -------------------------------------------------------------------------------------------------------


class InstructionSchema(RequestSchema):
    """A message of the roles system, developer and user."""

    role = Text()
    content = Content(required=True)
    name = Text(MAX_NAME_LENGTH)


SAID_BESIDES_CONTENT = ("tool_calls", "function_call", "refusal", "reasoning_content", "reasoning")


class AssistantSchema(RequestSchema):
    """What the model said, refused or called. The content may be missing where one of the others is there."""

    role = Text()
    content = Content(("text", "refusal"), may_be_empty=True)
    name = Text(MAX_NAME_LENGTH)
    refusal = Text()
    reasoning_content = Text()
    reasoning = Text()
    """Newer servers' name of `reasoning_content`."""
    tool_calls = Array(Object(ToolCallSchema()), max_items=MAX_TOOL_CALLS)
    function_call = Object(CalledFunctionSchema())

    @validates_schema
    def _says_something(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if "content" not in data and not any(data.get(name) for name in SAID_BESIDES_CONTENT):
            raise problem("is required unless 'tool_calls' is given", "missing_required_parameter", "content")

    @post_load
    def _in_todays_spelling(self, data: Any, **kwargs: Any) -> Message:
        if "reasoning" in data:
            data.setdefault("reasoning_content", data.pop("reasoning"))
        call = data.pop("function_call", None)
        calls = data.pop("tool_calls", [])
        if call is not None and not calls:
            calls = [{"id": call["name"], "type": "function", "function": call}]
        refused = (text_part(data["refusal"]),) if "refusal" in data else ()
        message = {**data, "content": data.get("content", refused)}
        return {**message, "tool_calls": calls} if calls else message


class ToolSchema(RequestSchema):
    """What a tool answered; the content may be missing where that is nothing."""

    role = Text()
    content = Content(may_be_empty=True)
    tool_call_id = Text(MAX_NAME_LENGTH, required=True)
    name = Text(MAX_NAME_LENGTH)

    @post_load
    def _with_content(self, data: Any, **kwargs: Any) -> Message:
        return {"content": (), **data}


class FunctionMessageSchema(RequestSchema):
    """The deprecated form of a tool's answer, which names its function instead of the call."""

    content = Content(may_be_empty=True)
    name = Text(MAX_NAME_LENGTH, required=True)

    @post_load
    def _as_tool_message(self, data: Any, **kwargs: Any) -> Message:
        name = data["name"]
        return {"role": "tool", "content": data.get("content", ()), "tool_call_id": name, "name": name}


INSTRUCTION = InstructionSchema()

INSTRUCTION_ROLES = ("system", "developer")
"""Roles of messages that tell the model how to behave."""

SCHEMAS_BY_ROLE: dict[str, Schema] = {
    **dict.fromkeys((*INSTRUCTION_ROLES, "user"), INSTRUCTION),
    "assistant": AssistantSchema(),
    "tool": ToolSchema(),
    "function": FunctionMessageSchema(),
}


class MessageField(StrictField[Message]):
    """One message, loaded by the schema of its role."""

    _role = Choice(tuple(SCHEMAS_BY_ROLE))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Message:
        message = as_object(value)
        with at("role"):
            role = self._role.load(message.get("role"))
        loaded: Message = SCHEMAS_BY_ROLE[role].load(message)
        return loaded

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return any_of(*tagged("role", SCHEMAS_BY_ROLE, definitions))
