"""References that lead nowhere: found where they are, and only those."""

from __future__ import annotations

from typing import Any

import pytest

from server.chat.schema.endless import Path, endless_reference, missing_target


def needing(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": schema}, "required": ["a"]}


ROOT = {"$ref": "#"}
LOOP: dict[str, Any] = {"$defs": {"x/y": needing({"$ref": "#/$defs/x~1y"})}}


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        (needing(ROOT), ("properties", "a", "$ref")),
        ({"type": "array", "items": ROOT, "minItems": 1}, ("items", "$ref")),
        ({"type": "array", "prefixItems": [{}, ROOT], "minItems": 2}, ("prefixItems", 1, "$ref")),
        (needing(ROOT) | {"type": ["array", "object"], "items": ROOT, "minItems": 2}, ("properties", "a", "$ref")),
        ({"anyOf": [needing(ROOT), needing({"$ref": "#"})]}, ("anyOf", 0, "properties", "a", "$ref")),
        (LOOP | {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/x~1y"}]}, ("anyOf", 1, "$ref")),
        (LOOP | {"type": "object", "properties": {"b": {"$ref": "#/$defs/x~1y"}}}, ("properties", "b", "$ref")),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}}, ("$ref",)),
        (needing({}) | {"required": ["b"], "additionalProperties": ROOT}, ("additionalProperties", "$ref")),
    ],
    ids=str,
)
def test_what_never_ends_is_found(schema: dict[str, Any], path: Path) -> None:
    assert endless_reference(schema) == path


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": ROOT}},
        needing({"anyOf": [ROOT, {"type": "null"}]}),
        needing({"type": "array", "items": ROOT}),
        {"properties": {"a": ROOT}, "required": ["a"]},  # a number is such a value
        {"type": ["object", "string"], "properties": {"a": ROOT}, "required": ["a"]},
        needing({"$ref": "#/nowhere/5"}),
        needing({"$ref": "#/required/0"}),
        needing({"$ref": "#/const", "default": {}}) | {"const": {"anyOf": 5, "properties": [], "required": {}}},
        LOOP | {"type": "null"},
        needing(ROOT) | {"enum": [1]},
    ],
    ids=str,
)
def test_what_may_end_is_let_through(schema: dict[str, Any]) -> None:
    assert endless_reference(schema) is None


def test_long_chains_take_no_time() -> None:
    chain = {f"d{number}": needing({"$ref": f"#/$defs/d{number + 1}"}) for number in range(3000)}
    schema = {"$ref": "#/$defs/d0", "$defs": {**chain, "d3000": {"type": "null"}}}
    assert endless_reference(schema) is None
    chain["d3000"] = {"$ref": "#/$defs/d0"}
    assert endless_reference({"$ref": "#/$defs/d0", "$defs": chain}) == ("$ref",)


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        (needing({"$ref": "#/$defs/b"}), ("properties", "a", "$ref")),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"items": {"$ref": "#/$defs/a/b/c"}}}}, ("$defs", "a", "items", "$ref")),
        ({"anyOf": [{"$ref": "#/anyOf/2"}, {}]}, ("anyOf", 0, "$ref")),
        (needing({"$ref": "#/$defs/b"}) | {"$defs": {"b": {"type": "null"}, "unused": {"$ref": "#/x"}}}, None),
        ({"anyOf": [{"$ref": "#/anyOf/1"}, True]}, None),
    ],
)
def test_a_reference_to_nothing_is_found_where_it_matters(schema: dict[str, Any], path: Path | None) -> None:
    assert missing_target(schema) == path
