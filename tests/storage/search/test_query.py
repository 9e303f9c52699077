"""What is meant by what somebody types, and where it stands in a text."""

from __future__ import annotations

import pytest

from storage.db.full_text import Phrase
from storage.search.query import Query


def phrases(text: str) -> list[tuple[str, bool]]:
    return [(" ".join(phrase.words), phrase.is_prefix) for phrase in Query.parse(text).phrases]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tea pot", [("tea", True), ("pot", True)]),
        ('"Tea pot"', [("tea pot", False)]),
        ('"tea pot', [("tea", True), ("pot", True)]),
        ('a "b', [("a", False), ("b", False)]),
        ("foo-bar", [("foo bar", True)]),
        ("天气 iPhone手机", [("天 气", False), ("iphone 手 机", False)]),
        ("tea tea TEA", [("tea", True)]),
        ("「東京」", [("東 京", False)]),
        ("AND (", [("and", True)]),
        ('"" "()" !', []),
    ],
)
def test_words_go_on_and_phrases_do_not(text: str, expected: list[tuple[str, bool]]) -> None:
    assert phrases(text) == expected


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("tea", "Tea, teapots and steam", ["Tea", "teapots"]),
        ('"tea pots"', "tea; pots, tea pot", ["tea; pots"]),
        ("气", "今天天气很好", ["气"]),
        ("天气", "今天天气很好", ["天气"]),
        ("cafe", "Ein Café", ["Café"]),
        ("nothing", "something", []),
        ('"a a"', "a a a", ["a a", "a a"]),
        ("x", "", []),
    ],
)
def test_what_is_found_has_its_place(query: str, text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in Query.parse(query).spans(text)] == expected


def test_equal_queries_are_equal() -> None:
    assert Query.parse("TEA") == Query((Phrase(("tea",), is_prefix=True),))
