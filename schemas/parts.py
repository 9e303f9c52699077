"""The parts that the content of an item is made of: text in its several kinds, images and files.

What a client sent is kept, extra fields and the order of its keys included; only what OpenAI's types require and the
client left out is added. Whether a model can see an image is not decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema

from schemas.fields.base import Array, Choice, JSONObject, RequestSchema, StrictField, Text, as_object, at, wrong_type
from schemas.fields.json_schema import Definitions, JSONSchema, any_of, tagged

Part = dict[str, Any]

DETAILS = ("low", "high", "auto", "original")


class TextPartSchema(RequestSchema):
    text = Text(required=True)


class OutputTextSchema(TextPartSchema):
    annotations = Array(JSONObject())
    logprobs = Array(JSONObject())


class RefusalSchema(RequestSchema):
    refusal = Text(required=True)


class ImageSchema(RequestSchema):
    detail = Choice(DETAILS)
    file_id = Text()
    image_url = Text()


class FileSchema(RequestSchema):
    detail = Choice(DETAILS)
    file_data = Text()
    file_id = Text()
    file_url = Text()
    filename = Text()


TEXT_PART = TextPartSchema()
IMAGE = ImageSchema()

INPUT_SCHEMAS: dict[str, Schema] = {"input_text": TEXT_PART, "input_image": IMAGE, "input_file": FileSchema()}
MESSAGE_SCHEMAS: dict[str, Schema] = {
    **INPUT_SCHEMAS,
    "output_text": OutputTextSchema(),
    "refusal": RefusalSchema(),
    "text": TEXT_PART,
    "summary_text": TEXT_PART,
    "reasoning_text": TEXT_PART,
    "computer_screenshot": IMAGE,
}

DEFAULTS: dict[str, dict[str, Any]] = {
    "output_text": {"annotations": [], "logprobs": []},
    "input_image": {"detail": "auto"},
    "computer_screenshot": {"detail": "auto"},
}
"""Members by kind that OpenAI's types require of a part that is read, and that clients may leave out."""


class PartField(StrictField[Part]):
    """One part, of one of the kinds in `schemas`."""

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        super().__init__()
        self.schemas = schemas
        self._kind = Choice(tuple(schemas))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Part:
        part = as_object(value)
        with at("type"):
            kind = self._kind.load(part.get("type"))
        self.schemas[kind].load(part)
        return with_defaults(part, DEFAULTS.get(kind, {}))

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return any_of(*tagged("type", self.schemas, definitions))


class Parts(StrictField[str | list[Part]]):
    """A string, which stays one, or an array of parts."""

    def __init__(self, schemas: Mapping[str, Schema], *, required: bool = False) -> None:
        super().__init__(required=required)
        self._array = Array(PartField(schemas))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str | list[Part]:
        if isinstance(value, str):
            return value
        if not isinstance(value, list):
            raise wrong_type("a string or an array of content parts", value)
        return self._array.load(value)

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return any_of({"type": "string"}, self._array.json_schema(definitions))


def text_part(kind: str, text: str) -> Part:
    """A part of one of the kinds that have a text."""
    return with_defaults({"type": kind, "text": text}, DEFAULTS.get(kind, {}))


def with_defaults(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, in its order, with the defaults for what is missing or null."""
    missing = {name: value for name, value in defaults.items() if given.get(name) is None}
    return {**given, **missing}
