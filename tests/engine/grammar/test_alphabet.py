"""Characters that a vocabulary cannot spell: where a grammar has them, and where that does not matter."""

from __future__ import annotations

import json
from typing import Any

import pytest

from server.engine.grammar.alphabet import Alphabet
from server.protocol.values import Grammar

ALPHABET = Alphabet([bytes([byte]) for byte in range(0x20, 0xF1)])
"""An alphabet with nothing above U+3FFFF, and without control characters, which JSON escapes."""
UNKNOWN = "\U00040000"


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"properties": {"a": {"const": {"b": [f"c{UNKNOWN}"]}}}}, "$.properties.a.const"),
        ({"anyOf": [{}, {"enum": ["a", UNKNOWN]}]}, "$.anyOf[1].enum"),
        ({"$defs": {"a": {"properties": {UNKNOWN: {}}}}}, "$.$defs.a.properties"),
        ({"items": {"required": [UNKNOWN]}}, "$.items.required"),
        ({"patternProperties": {"x": {"pattern": UNKNOWN}}}, "$.patternProperties.x.pattern"),
    ],
    ids=str,
)
def test_a_schema_that_wants_one_written_is_told_where(schema: dict[str, Any], place: str) -> None:
    complaint = ALPHABET.complaint(Grammar("json_schema", json.dumps(schema)))
    assert complaint == f"no token of the model spells the character U+40000, which {place} has in it"


@pytest.mark.parametrize(
    "schema",
    [
        {"title": UNKNOWN, "description": UNKNOWN, "$defs": {UNKNOWN: {}}},
        {"enum": ["\u3042", "\U0001f642", "\x04", None, 5]},
        {"items": [True, {"properties": 5}]},
    ],
    ids=str,
)
def test_what_is_not_written_may_have_any(schema: dict[str, Any]) -> None:
    assert ALPHABET.complaint(Grammar("json_schema", json.dumps(schema))) == ""


def test_other_grammars_may_not_have_one_anywhere() -> None:
    assert "U+40000" in ALPHABET.complaint(Grammar("regex", f"a|{UNKNOWN}"))
    assert ALPHABET.complaint(Grammar("lark", 'start: "\u00e9"')) == ""
