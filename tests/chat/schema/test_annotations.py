"""What constrains nothing goes; what only looks like it stays."""

from __future__ import annotations

from typing import Any

import pytest

from server.chat.schema.annotations import ANNOTATIONS, without_annotations

NOTES = dict.fromkeys(ANNOTATIONS, "words")
BARE: list[dict[str, Any]] = [
    {"type": "string", "maxLength": 5},
    {"properties": {"title": {"type": "string"}, "default": True}, "required": ["title"]},
    {"patternProperties": {"description": {}}, "additionalProperties": {"type": "null"}},
    {"$defs": {"examples": {"$ref": "#/definitions/title"}}, "definitions": {"title": {}}},
    {"anyOf": [{"const": {"title": 1}}, {"enum": [{"description": 2}]}]},
    {"items": [{}, {}], "prefixItems": [{"type": "null"}]},
    {"items": {"type": "null"}},
]


def noted(schema: Any) -> Any:
    """The schema with all annotations wherever one may have any."""
    if not isinstance(schema, dict):
        return schema
    maps, lists = ("properties", "patternProperties", "$defs", "definitions"), ("anyOf", "prefixItems", "items")
    given: dict[str, Any] = dict(NOTES)
    for keyword, value in schema.items():
        if keyword in maps:
            given[keyword] = {name: noted(child) for name, child in value.items()}
        elif keyword in lists and isinstance(value, list):
            given[keyword] = list(map(noted, value))
        else:
            given[keyword] = noted(value) if keyword in ("items", "additionalProperties") else value
    return given


@pytest.mark.parametrize("schema", BARE, ids=str)
def test_annotations_go_and_nothing_else(schema: dict[str, Any]) -> None:
    assert without_annotations(noted(schema)) == schema
    assert without_annotations(schema) == schema
