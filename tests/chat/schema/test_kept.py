"""Which schemas are let through, what of them stays, and what is said of the others."""

from __future__ import annotations

from typing import Any

import pytest

from server.chat.schema.kept import UNSUPPORTED, UnsupportedSchema, supported


@pytest.mark.parametrize("keyword", sorted(UNSUPPORTED))
def test_a_keyword_that_cannot_be_guaranteed_is_named_with_its_place(keyword: str) -> None:
    with pytest.raises(UnsupportedSchema) as refused:
        supported({"anyOf": [{}, {"properties": {"a": {"items": {keyword: {"x": 1}}}}}]})
    assert refused.value.path == ("anyOf", 1, "properties", "a", "items", keyword)
    assert str(refused.value).startswith(f"$.anyOf[1].properties.a.items.{keyword}: ")


@pytest.mark.parametrize(
    "schema",
    [
        {"$defs": {"a": {"not": {}}}},
        {"prefixItems": [{"not": {}}]},
        {"items": [{"not": {}}]},
        {"items": {"not": {}}},
        {"additionalProperties": {"not": {}}},
        {"patternProperties": {"a": {"not": {}}}},
        {"allOf": [{"not": {}}]},
        {"oneOf": [{"not": {}}]},
    ],
    ids=str,
)
def test_schemas_within_schemas_are_looked_at(schema: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedSchema, match="'not'"):
        supported(schema)


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"$ref": "other.json"}, "within the schema"),
        ({"$ref": 5}, "within the schema"),
        ({"format": "regex"}, "'regex'"),
        ({"type": ["string", "null"], "format": "iri"}, "'iri'"),
        ({"properties": {str(number): {} for number in range(500)}}, "properties"),
        ({"anyOf": [{}] * 3000}, "schemas"),
        ({"allOf": [{"pattern": "a"}] * 9}, "patterns"),
        ({"minProperties": 2}, "minProperties"),
        ({"$schema": "mine"}, "draft"),
        ({"allOf": 5}, "array"),
        ({"items": 5}, "object or a boolean"),
    ],
)
def test_what_is_too_much_or_elsewhere_is_refused(schema: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnsupportedSchema, match=reason):
        supported(schema)


@pytest.mark.parametrize(
    ("schema", "kept"),
    [
        ({"uniqueItems": False, "items": {"title": "t"}}, {"items": {"title": "t"}}),
        ({"type": "string", "format": "password"}, {"type": "string"}),
        ({"type": "integer", "format": "int32"}, {"type": "integer"}),
        ({"type": "string", "format": "date"}, {"type": "string", "format": "date"}),
        (
            {"const": {"not": 1}, "default": {"if": 2}, "x-mine": 3},
            {"const": {"not": 1}, "default": {"if": 2}, "x-mine": 3},
        ),
        ({"properties": {"not": {}, "if": True}}, {"properties": {"not": {}, "if": True}}),
        ({"minProperties": 2, "required": ["a", "b"]}, {"minProperties": 2, "required": ["a", "b"]}),
        ({"properties": 5, "required": 5}, {"properties": 5, "required": 5}),
    ],
)
def test_what_demands_nothing_is_left_out_and_the_rest_stays(schema: dict[str, Any], kept: dict[str, Any]) -> None:
    assert supported(schema) == kept


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"items": {"type": "strin"}}, ("items", "type")),
        ({"anyOf": [{"type": ["null", 5]}]}, ("anyOf", 0, "type")),
        ({"properties": {"a": {"$ref": "#/$defs/b"}}}, ("properties", "a", "$ref")),
    ],
)
def test_types_and_references_that_do_not_exist_are_named_with_their_place(
    schema: dict[str, Any], path: tuple[str | int, ...]
) -> None:
    with pytest.raises(UnsupportedSchema, match="there is no") as refused:
        supported(schema)
    assert refused.value.path == path


def test_a_pattern_is_translated_or_refused_by_its_place() -> None:
    schema = {"items": {"type": "string", "pattern": r"\A[[a]{,3}\Z"}, "patternProperties": {"{{x}}": {}}}
    kept = {"items": {"type": "string", "pattern": r"^[\[a]{0,3}$"}, "patternProperties": {r"\{\{x\}\}": {}}}
    assert supported(schema) == kept
    with pytest.raises(UnsupportedSchema, match="pattern cannot be guaranteed: looking ahead") as refused:
        supported({"items": {"pattern": "a(?=b)"}})
    assert refused.value.path == ("items", "pattern")
    with pytest.raises(UnsupportedSchema, match="pattern cannot be guaranteed: word") as refused:
        supported({"patternProperties": {r"\b": {}}})
    assert refused.value.path == ("patternProperties", r"\b")
