"""What a schema loses that no grammar can express; what stays compiles."""

from __future__ import annotations

import json
from typing import Any

import pytest
from llguidance import LLMatcher, LLTokenizer

from server.chat.calls.schema import call_schema, json_rule
from server.chat.schema.loose import loosened
from server.chat.tools import Tool

GOOD: list[dict[str, Any]] = [
    {"type": "string", "minLength": 1, "maxLength": 5, "pattern": "^[a-z]+$"},
    {"type": ["integer", "null"], "minimum": 0, "multipleOf": 3},
    {"$ref": "#/$defs/known"},
    {"anyOf": [{"enum": ["a", 1]}, {"const": 2}]},
    {"type": "array", "items": {"type": "object", "properties": {"x": True}, "additionalProperties": False}},
    {"patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": False},
    {"type": "string", "enum": ["a", None]},
    {"type": "string", "format": "none-that-is-known", "maxLength": 5},
    {"type": "object", "properties": {"a": {}}, "required": ["a", "b"], "minProperties": 1, "not": {"required": ["c"]}},
    {"$schema": "http://json-schema.org/draft-07/schema#", "items": {"type": "null"}, "minItems": 1},
]
EMPTY: dict[str, Any] = {"type": "object", "properties": {"a": False}}
BAD: list[tuple[Any, Any]] = [
    ({"type": "string", "pattern": "(?=a)b"}, {"type": "string"}),
    ({"type": "string", "pattern": "("}, {"type": "string"}),
    ({"type": "string", "pattern": r"(a)\1"}, {"type": "string"}),
    ({"type": "string", "pattern": r"\bword\b"}, {"type": "string"}),
    ({"type": "string", "pattern": "^[[a]{,3}(?#c)$"}, {"type": "string", "pattern": r"^[\[a]{0,3}$"}),
    ({"patternProperties": {"^[[]": {}, r"\b": {}}}, {"patternProperties": {r"^[\[]": {}}}),
    ({"$ref": "http://example.com/s"}, {}),
    ({"$ref": "#/$defs/unknown"}, {}),
    ({"type": "file"}, {}),
    ({"type": "number", "minimum": "x"}, {"type": "number"}),
    ({"type": "string", "maxLength": -1}, {"type": "string"}),
    ({"enum": []}, {}),
    ({"anyOf": []}, {}),
    ({"type": "string", "enum": [1]}, {"type": "string"}),
    ({"type": "string", "const": 1}, {"type": "string"}),
    ({"type": []}, {}),
    ({"type": "integer", "minimum": 5, "maximum": 3}, {"type": "integer"}),
    ({"type": "string", "minLength": 5, "maxLength": 2}, {"type": "string"}),
    ({"type": "string", "maxLength": 3, "pattern": "^aaaa$"}, {"type": "string"}),
    ({"type": "string", "format": "date", "maxLength": 3}, {"type": "string"}),
    ({"type": "string", "format": 5}, {"type": "string"}),
    ({"type": "integer", "multipleOf": 0}, {"type": "integer"}),
    ({"type": "number", "multipleOf": 1e-20}, {"type": "number"}),
    ({"type": "number", "minimum": 1e308}, {"type": "number"}),
    (
        {"type": "array", "minItems": 5, "maxItems": 2, "items": {"type": "null"}},
        {"type": "array", "items": {"type": "null"}},
    ),
    ({"type": "object", "required": None}, {"type": "object"}),
    (
        {"type": "object", "required": ["a", 5], "properties": {"a": True}},
        {"type": "object", "properties": {"a": True}},
    ),
    ({**EMPTY, "required": ["a"]}, EMPTY),
    ({"$schema": "mine", "type": "null"}, {"type": "null"}),
    ({"properties": []}, {}),
    ({"items": "string"}, {"items": {}}),
    ("string", {}),
    (
        {"patternProperties": {"^a(?!b)": {}, "^c": {}}, "additionalProperties": False},
        {"patternProperties": {"^c": {}}},
    ),
]


def schema_of(part: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": part}, "required": ["a"], "$defs": {"known": {"type": "string"}}}


@pytest.mark.parametrize("part", GOOD, ids=json.dumps)
def test_what_can_be_enforced_stays(part: dict[str, Any]) -> None:
    assert loosened(schema_of(part)) == schema_of(part)


@pytest.mark.parametrize(("part", "expected"), BAD, ids=json.dumps)
def test_what_cannot_be_enforced_goes(part: Any, expected: Any) -> None:
    assert loosened(schema_of(part)) == schema_of(expected)


@pytest.mark.parametrize("part", [*GOOD, *(part for part, _ in BAD), {"not": {}}, {"format": "x"}], ids=json.dumps)
def test_whatever_stays_compiles(part: Any) -> None:
    tool = Tool("f", loosened(schema_of(part)))
    grammar = LLMatcher.grammar_from_lark(f"start: {json_rule(call_schema(tool))}")
    assert LLMatcher.validate_grammar(grammar, LLTokenizer("byte")) == ""
