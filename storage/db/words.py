"""Words of a text, for searching: what is between spaces and punctuation, in one form whatever its case or accents.

Scripts that put no spaces between words (Chinese, Japanese, Thai, ...) are taken apart into characters, and so are
symbols: a word of such a script is then found as characters one behind the other. It does not know any database.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

MAX_WORD_LENGTH = 64
"""Characters of a word that count."""

_ALONE = (
    "\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # Japanese
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\u2600-\u27bf\U0001f000-\U0001faff"  # symbols
)
_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u1dc0-\u1dff"  # accents
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"  # vowels
    "\u0900-\u0963\u0981-\u0dff\u0f71-\u0f84"  # of India and Tibet
    "\u00ad\u200c\u200d"  # a hyphen that is not seen, joiners
)
"""Characters of words that are no letters to Python's regular expressions."""

_DROPPED = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670\u00ad\u200c\u200d]"
)
"""What people leave out when they search: accents, and the vowels of Hebrew and Arabic."""

_ASCII_WORD = re.compile("[A-Za-z0-9]+")
_WORD = re.compile(f"[{_ALONE}]|(?:[^\\W_{_ALONE}]|[{_MARKS}])+")
_IS_ALONE = re.compile(f"[{_ALONE}]")


@dataclass(frozen=True, slots=True)
class Word:
    """A word in its one form, and where it stands in the text."""

    form: str
    start: int
    end: int


def words_of(text: str) -> Iterator[Word]:
    """The words, as they come."""
    for found in (_ASCII_WORD if text.isascii() else _WORD).finditer(text):
        if form := form_of(found[0]):
            yield Word(form, found.start(), found.end())


def forms_of(text: str) -> Iterator[str]:
    """The words in their one form, without their places."""
    if text.isascii():
        return (word[:MAX_WORD_LENGTH] for word in _ASCII_WORD.findall(text.lower()))
    return (word.form for word in words_of(text))


def form_of(word: str) -> str:
    """The one form of a word; empty if nothing of it counts."""
    return word.lower()[:MAX_WORD_LENGTH] if word.isascii() else _form_of_any(word)


def stands_alone(form: str) -> bool:
    """Whether it is a character of a script without spaces, or a symbol."""
    return _IS_ALONE.match(form) is not None


@lru_cache(maxsize=10_000)
def _form_of_any(word: str) -> str:
    bare = _DROPPED.sub("", unicodedata.normalize("NFKD", word).casefold())
    form = unicodedata.normalize("NFC", bare)
    return "".join(character for character in form if _counts(character))[:MAX_WORD_LENGTH]


def _counts(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character)[0] == "M" or stands_alone(character)
