"""Objects that list their properties are closed, and none that could be had becomes impossible."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from server.chat.schema.closed import closed

Schema = dict[str, Any]

A: Schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
B: Schema = {"type": "object", "properties": {"b": {"type": "integer"}}}
CLOSED: Schema = {"additionalProperties": False}


def close(schema: Schema, *, is_one_of_exact: bool = True) -> Schema:
    return closed(copy.deepcopy(schema), is_one_of_exact=is_one_of_exact)


def kind(name: str) -> Schema:
    return {"properties": {"kind": {"const": name}, name: {}}, "required": ["kind"]}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (A, {**A, **CLOSED}),
        ({"properties": {"x": A}}, {"properties": {"x": {**A, **CLOSED}}, **CLOSED}),
        ({"items": A}, {"items": {**A, **CLOSED}}),
        ({"prefixItems": [A, True], "items": B}, {"prefixItems": [{**A, **CLOSED}, True], "items": {**B, **CLOSED}}),
        ({"additionalProperties": A}, {"additionalProperties": {**A, **CLOSED}}),
        ({"anyOf": [A, B, {"type": "null"}]}, {"anyOf": [{**A, **CLOSED}, {**B, **CLOSED}, {"type": "null"}]}),
        ({"$ref": "#/$defs/x", "$defs": {"x": A}}, {"$ref": "#/$defs/x", "$defs": {"x": {**A, **CLOSED}}}),
        ({"allOf": [A]}, {"allOf": [{**A, **CLOSED}]}),
        ({"oneOf": [kind("a"), kind("b")]}, {"oneOf": [{**kind("a"), **CLOSED}, {**kind("b"), **CLOSED}]}),
        ({"oneOf": [A, {"type": "null"}]}, {"oneOf": [{**A, **CLOSED}, {"type": "null"}]}),
        ({**A, "required": ["b"]}, {**A, "required": ["b"], "properties": {**A["properties"], "b": {}}, **CLOSED}),
        ({"allOf": [A, B]}, {"allOf": [A, B], "properties": {"a": {}, "b": {}}, **CLOSED}),
        (
            {**A, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {
                **A,
                "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
                "properties": {**A["properties"], "b": {}},
                **CLOSED,
            },
        ),
        (
            {"$defs": {"x": A}, "allOf": [{"$ref": "#/$defs/x"}, {"properties": {"y": B}}]},
            {
                "$defs": {"x": A},
                "allOf": [{"$ref": "#/$defs/x"}, {"properties": {"y": {**B, **CLOSED}}}],
                "properties": {"a": {}, "y": {}},
                **CLOSED,
            },
        ),
    ],
    ids=str,
)
def test_what_lists_its_properties_has_no_others(schema: Schema, expected: Schema) -> None:
    assert close(schema) == expected


@pytest.mark.parametrize(
    "schema",
    [
        {**A, "additionalProperties": True},
        {**A, "additionalProperties": {"type": "string"}},
        {**A, "patternProperties": {"^x": {}}},
        {**A, "unevaluatedProperties": True},
        {**A, "minProperties": 2},
        {**A, "if": {"required": ["a"]}, "then": B},
        {**A, "dependentSchemas": {"a": B}},
        {**A, "enum": [{"a": 1, "c": 2}]},
        {"type": "object"},
        {"type": "object", "properties": {}},
        {"properties": 5, "required": 5, "allOf": 5, "items": 5, "$ref": 5},
        {"allOf": [A, {**B, "additionalProperties": True}]},
        {"allOf": [{"$ref": "#/$defs/x"}, {"patternProperties": {".": A}}], "$defs": {"x": A}},
        {"oneOf": [A, B, {"type": "object"}, True], "additionalProperties": True},
    ],
    ids=str,
)
def test_what_says_otherwise_or_is_not_understood_stays_open(schema: Schema) -> None:
    assert close(schema) == schema


def test_alternatives_that_must_exclude_each_other_are_closed_together() -> None:
    either = {"oneOf": [{**A, "required": ["a"]}, {**B, "required": ["b"]}]}
    assert close(either) == {**either, "properties": {"a": {}, "b": {}}, **CLOSED}
    assert close(either, is_one_of_exact=False) == {"oneOf": [{**part, **CLOSED} for part in either["oneOf"]]}


def test_a_schema_that_refers_to_itself_is_closed() -> None:
    tree = {"properties": {"next": {"$ref": "#"}, "value": {}}}
    assert close(tree) == {**tree, **CLOSED}


LEAVES: list[Any] = [1, "x"]
TYPES = st.sampled_from(["integer", "string", "object"])


@st.composite
def schemas(draw: st.DrawFn, depth: int = 3) -> Schema:
    if depth == 0:
        return draw(st.one_of(TYPES.map(lambda name: {"type": name}), st.just({"$ref": "#/$defs/d"}), st.just({})))
    parts = schemas(depth - 1)
    several = st.lists(parts, min_size=1, max_size=2)
    required = st.lists(st.sampled_from("ab"), unique=True, max_size=2)
    given_words = {
        "type": TYPES,
        "properties": st.dictionaries(st.sampled_from("ab"), parts, max_size=2),
        "required": required,
        "allOf": several,
        "anyOf": several,
        "oneOf": several,
        "minProperties": st.integers(0, 2),
        "additionalProperties": st.one_of(st.booleans(), parts),
        "$ref": st.just("#/$defs/d"),
    }
    words = draw(st.lists(st.sampled_from(["properties", *given_words]), max_size=3, unique=True))
    return {word: draw(given_words[word]) for word in words}


def objects(values: list[Any]) -> Iterator[dict[str, Any]]:
    absent = object()
    for a, b in itertools.product([absent, *values], repeat=2):
        yield {name: value for name, value in (("a", a), ("b", b)) if value is not absent}


FLAT = [*LEAVES, *objects(LEAVES)]
VALUES = [*LEAVES, *objects(FLAT)]


@settings(max_examples=300, deadline=None)
@given(root=schemas(), definition=schemas(1))
def test_a_closed_schema_is_a_stricter_one_that_can_be_met_if_it_could(root: Schema, definition: Schema) -> None:
    if definition.get("$ref") or any("$ref" in str(definition.get(word)) for word in ("allOf", "anyOf", "oneOf")):
        return  # it may refer to itself for ever
    root = {**root, "$defs": {"d": definition}}
    open_one, closed_one = Draft202012Validator(root), Draft202012Validator(close(root))
    met = [value for value in VALUES if closed_one.is_valid(value)]
    assert all(map(open_one.is_valid, met))
    assert met or not any(map(open_one.is_valid, VALUES))
