"""JSON as text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.db.json_text import decode, encode

TEXT = st.text(st.characters(codec="utf-8"))
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)


@given(JSON)
def test_it_comes_back_as_it_went_in(value: Any) -> None:
    assert decode(encode(value)) == value


@pytest.mark.parametrize("value", [2**64, -(2**200), {"a": [10**30]}])
def test_integers_may_be_of_any_size(value: Any) -> None:
    assert decode(encode(value)) == value


def test_the_order_of_keys_is_kept() -> None:
    assert encode({"b": 1, "a": {"d": 1, "c": 2}}) == '{"b":1,"a":{"d":1,"c":2}}'
