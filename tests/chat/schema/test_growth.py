"""What schemas cost that were written to cost much: twice the schema is about twice the work, and never more."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from server.chat.calls.schema_types import types_of
from server.chat.schema.closed import MAX_STEPS, closed
from server.chat.schema.endless import endless_reference, missing_target
from server.chat.schema.enforced import enforced, enforced_arguments
from server.chat.schema.kept import UnsupportedSchema
from server.chat.schema.pace import STEPS_AT_ONCE, TRIAL_STEPS
from server.chat.schema.patterns import MAX_LENGTH, PatternRefused, translated
from tests.growth import LINEAR, growth, num_calls

Schema = dict[str, Any]


def object_of(properties: Schema, **others: Any) -> Schema:
    return {"type": "object", "properties": properties, **others}


def nested(depth: int, wrap: Callable[[Schema], Schema]) -> Schema:
    schema: Schema = {"type": "null"}
    for _ in range(depth):
        schema = wrap(schema)
    return {"$ref": "#/$defs/x", "$defs": {"x": schema}}


def required_again(size: int) -> Schema:
    return nested(size, lambda schema: object_of({"a": schema}, required=["a"] * 4))


def required_without_properties(size: int) -> Schema:
    return nested(size, lambda schema: object_of({}, additionalProperties=schema, required=["a", "b", "c"]))


def types_again(size: int) -> Schema:
    loop = {"$ref": "#/$defs/x"}
    inner = nested(size, lambda schema: object_of({"a": schema}, required=["a"]) | {"type": ["object", "object"]})
    return {**inner, "$defs": {"x": object_of({"a": inner["$defs"]["x"], "b": loop}, required=["a", "b"])}}


def spelled_differently(size: int) -> Schema:
    pointers = [f"#/$defs/{'%78' * (number % 9)}x{'%78' * (number // 9)}" for number in range(size)]
    names = [pointer.removeprefix("#/$defs/").replace("%78", "x") for pointer in pointers]
    return {"anyOf": [{"$ref": pointer} for pointer in pointers], "$defs": {name: {"type": "null"} for name in names}}


def chain(size: int) -> Schema:
    links = {f"d{i}": object_of({"a": {"$ref": f"#/$defs/d{i + 1}"}}, required=["a"]) for i in range(size)}
    return {"$ref": "#/$defs/d0", "$defs": {**links, f"d{size}": {"type": "null"}}}


def chain_of_parts(size: int) -> Schema:
    links = {
        f"d{i}": {"properties": {"x": {"type": "null"}}, "allOf": [{"$ref": f"#/$defs/d{i + 1}"}]} for i in range(size)
    }
    return {"$ref": "#/$defs/d0", "$defs": {**links, f"d{size}": {"type": "object"}}}


def waiting_for_many(size: int) -> Schema:
    needed = [{"$ref": f"#/$defs/d{i}"} for i in range(size)]
    return {"allOf": needed, "$defs": {f"d{i}": {"type": "null"} for i in range(size)}}


def alternatives_of_alternatives(size: int) -> Schema:
    inner = object_of({"k": {"const": "a"}}, required=["k"])
    return {
        "oneOf": [{"$ref": "#/$defs/x"} for _ in range(size)],
        "$defs": {"x": {"oneOf": [dict(inner) for _ in range(size)]}},
    }


def constants_of_many(size: int) -> Schema:
    names = [f"k{i}" for i in range(size)]
    first = object_of({name: {"const": "a"} for name in names}, required=names)
    return {"oneOf": [first, *(object_of({"k0": {"const": str(i)}}, required=["k0"]) for i in range(size))]}


COSTLY = [
    *(required_again, required_without_properties, types_again, spelled_differently, chain, chain_of_parts),
    *(waiting_for_many, alternatives_of_alternatives, constants_of_many),
]


@pytest.mark.parametrize("make", COSTLY)
@pytest.mark.parametrize(
    "check",
    [endless_reference, missing_target, lambda schema: closed(schema, is_one_of_exact=True)],
    ids=["endless", "missing", "closed"],
)
def test_each_walk_is_linear(make: Callable[[int], Schema], check: Callable[[Schema], object]) -> None:
    assert growth(check, make, 16) < LINEAR


@pytest.mark.parametrize("make", [make for make in COSTLY if make not in (constants_of_many, types_again)])
def test_so_is_all_that_is_done_to_a_schema(make: Callable[[int], Schema]) -> None:
    assert growth(enforced, make, 16) < LINEAR
    assert growth(lambda schema: enforced_arguments(schema, is_strict=False), make, 16) < LINEAR


def test_a_schema_whose_parts_are_too_many_together_stays_open() -> None:
    properties = {str(i): {"$ref": f"#/$defs/d{i}"} for i in range(1000)}
    schema = {**chain_of_parts(1000), "type": "object", "properties": properties}
    del schema["$ref"]
    assert num_calls(lambda: closed(schema, is_one_of_exact=True)) < 100 * MAX_STEPS
    assert closed(schema, is_one_of_exact=True) == schema


def test_references_that_share_what_they_lead_to_are_read_once_for_types() -> None:
    def shared(depth: int) -> Schema:
        pairs = {f"d{i}": {"anyOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(depth)}
        return {"$ref": "#/$defs/d0", "$defs": {**pairs, f"d{depth}": {"type": "string"}}}

    assert types_of(shared(5), shared(5)) == {"string"}
    assert growth(lambda schema: types_of(schema, schema), shared, 16) < LINEAR
    assert types_of({"$ref": "#"}, {"$ref": "#"}) == types_of({}, {})


@pytest.mark.parametrize("text", ["[", "(?#", r"\p{", "{1,", "(?<a", "[a]", r"\u{1"])
def test_patterns_of_many_beginnings_are_read_once(text: str) -> None:
    def ask(pattern: str) -> None:
        with suppress(PatternRefused):
            translated(pattern)

    assert num_calls(lambda: ask(text * (MAX_LENGTH // len(text)))) < 10 * MAX_LENGTH


def test_others_may_go_on_while_a_schema_is_worked_on(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    schema = object_of({f"a{i}": {"type": "string", "pattern": f"^{i}$"} for i in range(300)})
    enforced(schema)
    num_pauses = len(pauses)
    enforced_arguments(schema, is_strict=False)
    assert num_pauses > 300 * TRIAL_STEPS // STEPS_AT_ONCE
    assert len(pauses) > 2 * num_pauses
    assert set(pauses) == {0}


def test_a_schema_of_any_length_is_refused_or_left_out() -> None:
    long = object_of({f"a{i}": {} for i in range(100_000)})
    with pytest.raises(UnsupportedSchema, match="longer than"):
        enforced(long)
    with pytest.raises(UnsupportedSchema, match="longer than"):
        enforced_arguments(long, is_strict=True)
    assert enforced_arguments(long, is_strict=False) == {"type": "object"}
