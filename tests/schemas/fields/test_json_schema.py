from __future__ import annotations

from typing import Any

import pytest
from marshmallow import RAISE, Schema

from schemas.fields.base import Boolean, Choice, Integer, Object, RequestSchema, Text
from schemas.fields.json_schema import Definitions, describe, document, nullable


class PointSchema(RequestSchema):
    """Where something is.

    Nobody needs to know this.
    """

    x = Integer(0, 9, required=True)
    y = Integer(0, 9)


class LineSchema(RequestSchema):
    start = Object(PointSchema(), required=True)
    end = Object(PointSchema())


class ClosedSchema(Schema):
    class Meta:
        unknown = RAISE

    is_open = Boolean()


POINT = {
    "title": "Point",
    "description": "Where something is.",
    "type": "object",
    "properties": {
        "x": {"type": "integer", "minimum": 0, "maximum": 9},
        "y": {"type": ["integer", "null"], "minimum": 0, "maximum": 9},
    },
    "required": ["x"],
    "additionalProperties": True,
}


def test_an_object_has_its_members_and_says_which_it_needs() -> None:
    assert describe(PointSchema(), Definitions()) == POINT


def test_an_object_within_others_is_defined_once() -> None:
    described = document(LineSchema(), notes={"end": "if there is one"})
    assert described["$defs"] == {"Point": POINT}
    reference = {"$ref": "#/$defs/Point"}
    optional = {"anyOf": [reference, {"type": "null"}], "description": "if there is one"}
    assert described["properties"] == {"start": reference, "end": optional}


def test_a_body_may_be_loaded_in_parts() -> None:
    described = document(PointSchema(), LineSchema(), notes={})
    assert set(described["properties"]) == {"x", "y", "start", "end"}
    assert described["required"] == ["x", "start"]


def test_an_object_that_takes_no_other_members_says_so() -> None:
    assert describe(ClosedSchema(), Definitions())["additionalProperties"] is False


def test_two_schemas_of_one_name_are_no_document() -> None:
    other = type("PointSchema", (RequestSchema,), {"name": Text()})
    definitions = Definitions()
    definitions.refer(PointSchema())
    with pytest.raises(ValueError, match="two schemas are called Point"):
        definitions.refer(other())


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string", "maxLength": 3}, {"type": ["string", "null"], "maxLength": 3}),
        (
            {"anyOf": [{"type": "string"}, {"type": "array"}]},
            {"anyOf": [{"type": "string"}, {"type": "array"}, {"type": "null"}]},
        ),
        (Choice(["a"]).json_schema(Definitions()), {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]}),
    ],
)
def test_what_may_be_null_says_so(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    assert nullable(schema) == expected
