"""Snippets: a piece of the text, in order and whole, whatever is found in it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.search.query import Query
from storage.search.snippet import LEFT_OUT, NUM_AFTER, NUM_BEFORE, snippet


def shown(text: str, query: str) -> list[str]:
    """The parts, what was found in brackets."""
    return [f"[{part.text}]" if part.is_match else part.text for part in snippet(text, Query.parse(query))]


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("tea", "tea", ["[tea]"]),
        ("black tea", "tea", ["black ", "[tea]"]),
        ("a a a", '"a a"', ["[a a a]"]),
        ("nothing here", "tea", ["nothing here"]),
        ("", "tea", []),
    ],
)
def test_what_was_found_is_marked(text: str, query: str, expected: list[str]) -> None:
    assert shown(text, query) == expected


def test_a_long_text_is_cut_at_spaces() -> None:
    parts = shown("before " * 50 + "needle" + " behind" * 50, "needle")
    assert parts[:2] == [LEFT_OUT, "before " * (NUM_BEFORE // 7)]
    assert parts[2] == "[needle]"
    assert parts[3].startswith(" behind behind")
    assert parts[3].endswith(f"behind{LEFT_OUT}")
    assert len("".join(parts)) <= NUM_BEFORE + NUM_AFTER + 4


def test_a_long_word_is_shown_whole() -> None:
    assert shown("x" * 500 + " y", "xx") == ["[" + "x" * 500 + "]", LEFT_OUT]


WORDS = st.text(st.sampled_from("ab天气é .-"), max_size=400)


@given(text=WORDS, query=WORDS)
def test_it_is_a_piece_of_the_text(text: str, query: str) -> None:
    parts = snippet(text, Query.parse(f'"{query[:10]}" {query[10:20]}'))
    piece = "".join(part.text for part in parts)
    assert piece.removeprefix(LEFT_OUT).removesuffix(LEFT_OUT) in text
    assert all(part.text for part in parts)
    assert all(not before.is_match or not after.is_match for before, after in itertools.pairwise(parts))
