"""From a schema as it was sent to the one that a grammar is made of."""

from __future__ import annotations

from typing import Any

import pytest

from server.chat.schema.enforced import NO_ARGUMENTS, enforced, enforced_arguments
from server.chat.schema.kept import UnsupportedSchema

WORDS = "word " * 100_000
GIVEN: dict[str, Any] = {
    "type": "object",
    "description": WORDS,
    "properties": {"a": {"type": "string", "pattern": "^[[]$", "description": WORDS, "default": "["}},
}
KEPT = {
    "type": "object",
    "properties": {"a": {"type": "string", "pattern": r"^[\[]$"}},
    "additionalProperties": False,
}


def test_a_schema_is_bared_closed_and_translated() -> None:
    assert enforced(GIVEN) == KEPT
    assert enforced_arguments(GIVEN, is_strict=True) == KEPT
    assert enforced_arguments(GIVEN, is_strict=False) == KEPT


def test_what_cannot_be_kept_to_is_refused_or_passed_over() -> None:
    given = {"type": "object", "properties": {"a": {"pattern": "(?=a)"}, "b": {"type": "file"}}}
    with pytest.raises(UnsupportedSchema, match=r"\$\.properties\.a\.pattern: "):
        enforced_arguments(given, is_strict=True)
    kept = {"type": "object", "properties": {"a": {}, "b": {}}, "additionalProperties": False}
    assert enforced_arguments(given, is_strict=False) == kept


@pytest.mark.parametrize("is_strict", [True, False])
def test_a_function_that_lists_no_arguments_has_none(is_strict: bool) -> None:
    nothing = {"type": "object", "properties": {}, "description": "Takes nothing."}
    assert enforced_arguments(nothing, is_strict=is_strict) == {"type": "object", **NO_ARGUMENTS}
    anything = {"type": "object"}
    assert enforced_arguments(anything, is_strict=is_strict) == anything
    assert enforced(nothing) == {"type": "object", "properties": {}}


def test_closed_objects_may_be_asked_for_more_than_one_member() -> None:
    names: dict[str, Any] = {"a": {}, "b": {}, "c": {}}
    given = {"type": "object", "properties": names, "minProperties": 2}
    assert enforced(given) == {**given, "additionalProperties": False}
