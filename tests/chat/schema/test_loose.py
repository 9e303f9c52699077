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
]
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
    ({"properties": []}, {}),
    ({"items": "string"}, {"items": {}}),
    ("string", {}),
    (
        {"patternProperties": {"^a(?!b)": {}, "^c": {}}, "additionalProperties": False},
        {"patternProperties": {"^c": {}}},
    ),
]


def schema_of(part: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": part}, "$defs": {"known": {"type": "string"}}}


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
