"""Texts and searches in the words of the databases' full-text indexes: FTS5 of SQLite, tsvector of PostgreSQL.

Both get words that `storage.db.words` has made, so that both find the same. Each text begins with a word that no text
has, its owner's: an index then answers for one user without looking at the texts of others.

    SQLite      owner word word ...             "owner" AND "word word" AND "wo"*
    PostgreSQL  'owner':1 'word':2,3 ...        'owner' & ('word' <-> 'word') & 'wo':*

It does not know which tables there are, beside how they are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from storage.db.words import forms_of

MAX_CHARACTERS = 100_000
"""Characters at the beginning of a text that can be found."""

MAX_WORDS = 30_000
"""Words of these: more may be too many for a tsvector, which has less than a MiB."""

_MAX_POSITION = 16_383
_MAX_POSITIONS = 255
"""Of a tsvector. A phrase is found up to there; words are found beyond it, too."""

OWNER = "\ue000"
"""Begins the word of a text's owner. It is for private use, so no word of a text has it."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words one behind the other; of the last one, `is_prefix` means that it may go on."""

    words: tuple[str, ...]
    is_prefix: bool


def table(name: str, owner_table: str, *, is_postgresql: bool) -> Iterable[str]:
    """Statements that make a table of texts, one for each row of another table at most, with which it goes."""
    if is_postgresql:
        yield (
            f"CREATE TABLE {name} (rowid BIGINT PRIMARY KEY REFERENCES {owner_table} (id) ON DELETE CASCADE,"
            " words TSVECTOR NOT NULL)"
        )
        return
    # Words come as they are to be found, so the simplest tokenizer will do: it parts them at spaces.
    yield f"CREATE VIRTUAL TABLE {name} USING fts5 (words, tokenize = 'ascii')"
    yield (
        f"CREATE TRIGGER {name}_leave AFTER DELETE ON {owner_table} BEGIN DELETE FROM {name} WHERE rowid = old.id; END"
    )


def index(name: str, *, is_postgresql: bool) -> Iterable[str]:
    """Statements that make its texts to be found, quickest when it is full already. SQLite's are from the beginning."""
    if is_postgresql:
        yield f"CREATE INDEX {name}_found ON {name} USING gin (words)"


def text_value(user_id: int, text: str, *, is_postgresql: bool) -> str | None:
    """What the index has for a text; None if nothing in it could be found."""
    words = list(islice(forms_of(text[:MAX_CHARACTERS]), MAX_WORDS))
    if not words:
        return None
    words.insert(0, _owner(user_id))
    return _vector(words) if is_postgresql else " ".join(words)


def search_value(user_id: int, phrases: Sequence[Phrase], *, is_postgresql: bool) -> str:
    """What the index is asked for texts of this user that have all the phrases, of which there must be one."""
    wanted = [Phrase((_owner(user_id),), is_prefix=False), *phrases]
    return " & ".join(map(_vector_query, wanted)) if is_postgresql else " AND ".join(map(_fts_query, wanted))


def _owner(user_id: int) -> str:
    return f"{OWNER}{user_id}"


def _vector(words: Sequence[str]) -> str:
    places: dict[str, list[str]] = {}
    for position, word in enumerate(words, start=1):
        found = places.setdefault(word, [])
        if position <= _MAX_POSITION and len(found) < _MAX_POSITIONS:
            found.append(str(position))
    return " ".join(f"'{word}':{','.join(found)}" if found else f"'{word}'" for word, found in places.items())


def _vector_query(phrase: Phrase) -> str:
    *front, last = (f"'{word}'" for word in phrase.words)
    return f"({' <-> '.join([*front, f'{last}:*' if phrase.is_prefix else last])})"


def _fts_query(phrase: Phrase) -> str:
    return f'"{" ".join(phrase.words)}"{" *" if phrase.is_prefix else ""}'
