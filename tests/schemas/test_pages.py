from __future__ import annotations

from typing import get_args

import pytest
from openai.types.responses import ResponseIncludable

from schemas.fields.errors import SchemaError
from schemas.pages import INCLUDABLES, ORIGIN, PageQuery, check_include, load_page_query, load_wants_origin


def test_a_page_has_openais_defaults() -> None:
    assert load_page_query({}) == PageQuery(after=None, limit=20, order="desc")
    assert load_page_query({"after": [""], "limit": [""], "order": []}) == PageQuery()


def test_the_first_of_several_values_counts() -> None:
    query = {"after": ["msg_1"], "limit": ["100", "x"], "order": ["asc"], "other": ["x"]}
    assert load_page_query(query) == PageQuery("msg_1", 100, "asc")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "-1"),
        ("limit", "5.0"),
        ("limit", "\u0665"),
        ("limit", " 5"),
        ("limit", "9" * 5000),
        ("limit", "x"),
        ("order", "up"),
        ("order", "ASC"),
        ("after", "a/b"),
        ("after", "\0"),
        ("after", "x" * 65),
    ],
)
def test_a_bad_query_is_named(name: str, value: str) -> None:
    with pytest.raises(SchemaError) as caught:
        load_page_query({name: [value]})
    assert caught.value.param == name


def test_what_openai_can_include_is_accepted_in_both_spellings() -> None:
    assert set(INCLUDABLES) == set(get_args(ResponseIncludable))
    check_include({"include[]": INCLUDABLES})
    check_include({"include": INCLUDABLES})
    check_include({"include": [""]})
    check_include({})


@pytest.mark.parametrize("key", ["include", "include[]"])
def test_what_openai_cannot_include_is_refused(key: str) -> None:
    with pytest.raises(SchemaError) as caught:
        check_include({key: [INCLUDABLES[0], "everything"]})
    assert (caught.value.param, caught.value.code) == ("include[1]", "invalid_value")


@pytest.mark.parametrize("key", ["include", "include[]"])
def test_the_origin_is_asked_for_of_items_only(key: str) -> None:
    assert load_wants_origin({key: [INCLUDABLES[0], ORIGIN]})
    assert not load_wants_origin({key: INCLUDABLES})
    assert not load_wants_origin({})
    with pytest.raises(SchemaError):
        check_include({key: [ORIGIN]})
