"""Items: what a conversation is made of, and what a response gets as its input.

An item stays the dict that the client sent, with its extra fields and in the order of its keys. Added are the fields
that OpenAI's types require and clients may leave out, such as the status; a message's text becomes a part, as OpenAI
makes it. Of kinds that are not listed here only `type`, `id` and `status` are looked at. Ids are made by the storage,
and whether a model understands an item is decided when a prompt is made of it.
"""

from __future__ import annotations

from typing import Any

from marshmallow import Schema

from schemas.fields.base import (
    Array,
    Choice,
    RequestSchema,
    StrictField,
    Text,
    as_object,
    at,
    problem,
    wrong_type,
)
from schemas.fields.ids import Id
from schemas.fields.json_schema import NULL, Definitions, JSONSchema, an_object, any_of, tagged
from schemas.parts import INPUT_SCHEMAS, MESSAGE_SCHEMAS, TEXT_PART, PartField, Parts, text_part, with_defaults

Item = dict[str, Any]

ROLES = ("user", "assistant", "system", "developer")
STATUSES = ("in_progress", "completed", "incomplete")
PHASES = ("commentary", "final_answer")

MAX_TYPE_LENGTH = 64
MAX_NAME_LENGTH = 256
"""Characters in the name of a function or a call."""

MAX_ITEMS = 20
"""Items that one request may add to a conversation; OpenAI's limit."""


TYPE = Text(MAX_TYPE_LENGTH, may_be_empty=False)


class ItemSchema(RequestSchema):
    """What all items have."""

    id = Id()
    type = TYPE


class OtherItemSchema(ItemSchema):
    status = Text(MAX_TYPE_LENGTH)


class KnownItemSchema(ItemSchema):
    status = Choice(STATUSES)


class MessageItemSchema(KnownItemSchema):
    role = Choice(ROLES, required=True)
    content = Parts(MESSAGE_SCHEMAS, required=True)
    phase = Choice(PHASES)


class FunctionCallSchema(KnownItemSchema):
    call_id = Text(MAX_NAME_LENGTH, required=True)
    name = Text(MAX_NAME_LENGTH, required=True)
    arguments = Text(required=True)


class FunctionCallOutputSchema(KnownItemSchema):
    call_id = Text(MAX_NAME_LENGTH, required=True)
    output = Parts(INPUT_SCHEMAS, required=True)


class ReasoningSchema(KnownItemSchema):
    summary = Array(PartField({"summary_text": TEXT_PART}))
    content = Array(PartField({"reasoning_text": TEXT_PART}))
    encrypted_content = Text()


class ItemReferenceSchema(ItemSchema):
    id = Id(required=True)


OTHER = OtherItemSchema()
SCHEMAS: dict[str, Schema] = {
    "message": MessageItemSchema(),
    "function_call": FunctionCallSchema(),
    "function_call_output": FunctionCallOutputSchema(),
    "reasoning": ReasoningSchema(),
    "item_reference": ItemReferenceSchema(),
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "message": {"type": "message", "status": "completed"},
    "function_call": {"status": "completed"},
    "function_call_output": {"status": "completed"},
    "reasoning": {"summary": []},
    "item_reference": {"type": "item_reference"},
}
"""Members by kind that OpenAI's types require of an item that is read, and that clients may leave out."""


class ItemField(StrictField[Item]):
    """One item of any kind. A message and a reference are known without their `type`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Item:
        item = as_object(value)
        kind = _kind(item)
        loaded = SCHEMAS.get(kind, OTHER).load(item)
        item = with_defaults(item, DEFAULTS.get(kind, {}))
        # Only these were completed on loading; everything else stays as it was sent.
        item.update((name, loaded[name]) for name in ("content", "output") if name in loaded)
        if item.get("id", "") is None:
            del item["id"]
        return _with_parts(item) if kind == "message" else item

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        known = {kind: schema for kind, schema in SCHEMAS.items() if kind != "message"}
        message_type = {"type": {"enum": ["message", None]}}
        another_type = {"type": {**TYPE.json_schema(definitions), "not": {"enum": list(SCHEMAS)}}}
        bare_reference = an_object({"id": Id().json_schema(definitions)}, {"type": NULL})
        return any_of(
            {**definitions.refer(SCHEMAS["message"]), **an_object({}, message_type)},
            *tagged("type", known, definitions),
            {**bare_reference, "additionalProperties": False},
            {**definitions.refer(OTHER), **an_object(another_type)},
        )


def items_field(*, required: bool = False, min_items: int = 0, max_items: int | None = MAX_ITEMS) -> Array:
    """The `items` of a request for a conversation; with other limits, the `input` of a response."""
    return Array(ItemField(), required=required, min_items=min_items, max_items=max_items)


def message(role: str, text: str) -> Item:
    """A complete message of one text, as it is stored; it has no id yet."""
    return _with_parts({"type": "message", "status": "completed", "role": role, "content": text})


def _kind(item: Item) -> str:
    kind = item.get("type")
    if isinstance(kind, str):
        return kind
    if kind is None and item.get("role") is not None:
        return "message"
    if kind is None and item.keys() <= {"id", "type"} and "id" in item:
        return "item_reference"
    with at("type"):
        if kind is None:
            raise problem("is required, but was not given", "missing_required_parameter")
        raise wrong_type("a string", kind)


def _with_parts(item: Item) -> Item:
    """A message's text as a part, of the kind that fits its role."""
    if isinstance(item["content"], str):
        kind = "output_text" if item["role"] == "assistant" else "input_text"
        item["content"] = [text_part(kind, item["content"])]
    return item
