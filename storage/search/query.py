"""What somebody looks for, and where it stands in a text.

    tea pot        texts with words that begin with "tea" and with "pot"
    "tea pot"      texts with these two words, one behind the other
    天气预报       texts with these characters, one behind the other

Nothing else has a meaning: operators, stray quotes and brackets are passed over. It does not know any database.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from storage.db.full_text import Phrase
from storage.db.words import stands_alone, words_of

_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»「」『』", '"'))
_PART = re.compile(r'"([^"]*)"|([^\s"]+)')

MIN_PREFIX_LENGTH = 2
"""Letters of a word that may go on. Most texts have a word that begins with a given letter."""


@dataclass(frozen=True, slots=True)
class Query:
    """Phrases that a text must have, all of them. Without any, nothing is found."""

    phrases: tuple[Phrase, ...]

    @classmethod
    def parse(cls, text: str) -> Query:
        """What is meant by what somebody has typed."""
        found: dict[Phrase, None] = {}
        for quoted, plain in _PART.findall(text.translate(_QUOTES)):
            words = tuple(word.form for word in words_of(quoted or plain))
            if words:
                found[Phrase(words, is_prefix=not quoted and _may_go_on(words[-1]))] = None
        return cls(tuple(found))

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Beginnings and ends of what is found in a text, by their ends; some may overlap."""
        longest = max((len(phrase.words) for phrase in self.phrases), default=1)
        recent: deque[tuple[str, int]] = deque(maxlen=longest)
        for word in words_of(text):
            recent.append((word.form, word.start))
            for phrase in self.phrases:
                if (start := _start_of(phrase, recent)) is not None:
                    yield start, word.end


def _may_go_on(word: str) -> bool:
    return len(word) >= MIN_PREFIX_LENGTH and not stands_alone(word)


def _start_of(phrase: Phrase, recent: deque[tuple[str, int]]) -> int | None:
    """Where a phrase begins that ends with the most recent word."""
    offset = len(recent) - len(phrase.words)
    if offset < 0:
        return None
    *front, last = phrase.words
    if any(recent[offset + number][0] != word for number, word in enumerate(front)):
        return None
    newest = recent[-1][0]
    is_found = newest.startswith(last) if phrase.is_prefix else newest == last
    return recent[offset][1] if is_found else None
