"""Words in one form, whatever their script, case and accents."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from storage.db.full_text import OWNER
from storage.db.words import MAX_WORD_LENGTH, words_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tea-pots, 2x & foo_bar", ["tea", "pots", "2x", "foo", "bar"]),
        ("Don't stop", ["don", "t", "stop"]),
        ("Café ÉCOLE naïve Straße", ["cafe", "ecole", "naive", "strasse"]),
        ("e\u0301te\u0301", ["ete"]),
        ("Ёжик Й", ["ежик", "и"]),
        ("今天 天气", ["今", "天", "天", "气"]),
        ("iPhone手机15", ["iphone", "手", "机", "15"]),
        ("がくせい", ["が", "く", "せ", "い"]),
        ("서울에서 만나요", ["서울에서", "만나요"]),
        ("हिन्दी। क्या", ["हिन्दी", "क्या"]),
        ("السَّلامُ", ["السلام"]),
        ("שָׁלוֹם", ["שלום"]),
        ("ab\u00adcd\u200bef", ["abcd", "ef"]),
        ("\uff11\uff12 ﬁn ½", ["12", "fin", "12"]),
        ("🙂👍 ok", ["🙂", "👍", "ok"]),
        ("\u0301 \0 \t...", []),
        ("", []),
    ],
)
def test_a_text_has_words(text: str, expected: list[str]) -> None:
    assert [word.form for word in words_of(text)] == expected


def test_words_know_where_they_stand() -> None:
    text = "Ein Café, 天气"
    assert [text[word.start : word.end] for word in words_of(text)] == ["Ein", "Café", "天", "气"]


def test_long_words_count_by_their_beginning() -> None:
    assert [len(word.form) for word in words_of("x" * 1000 + " " + "é" * 1000)] == [MAX_WORD_LENGTH] * 2


def test_a_form_has_nothing_that_a_database_could_take_for_its_own() -> None:
    """Neither quotes nor spaces nor what owners' words begin with, from whatever character."""
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        if unicodedata.category(character) != "Cs":
            form = "".join(word.form for word in words_of(character))
            assert not set(form) & set(" \t\n'\"\\:*()&|!<>,;\0" + OWNER), hex(number)
