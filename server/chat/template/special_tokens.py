"""Control tokens in a prompt: those that the template wrote count, those that stand in somebody's text are text.

A control token has a spelling, such as `<|im_end|>`, and the tokenizer cannot tell who wrote it. So everything that the
template itself writes is carried through rendering in another alphabet: each character that occurs in any control
spelling has a *mark* of its own, and the template's `<|im_end|>` is rendered as ten marks. Marks are lone surrogates,
which no text that ever was UTF-8 can contain. Everybody else's text goes through untouched, so that templates see
ordinary strings, and can neither hold nor complete a control token: a spelling counts only where all of it is marks.

This module knows spellings, marks and pieces. It does not know jinja2, messages or the tokenizer.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from os.path import commonprefix

from server.protocol.values import TextPiece

_FIRST_MARK = 0xD800
_NUM_MARKS = 0x800
# Not simply "+": the regex engine looks for a single character of a class four times as fast as for a run.
_MARKS = re.compile("[\ud800-\udfff][\ud800-\udfff]*")

Span = tuple[int, int]


class ControlSpellings:
    """The spellings of one model's control tokens."""

    def __init__(self, spellings: Iterable[str]) -> None:
        words = {spelling for spelling in spellings if spelling}
        alphabet = sorted(set().union(*words))[:_NUM_MARKS]
        self._to_marks = {ord(char): _FIRST_MARK + i for i, char in enumerate(alphabet)}
        self._from_marks = {mark: char for char, mark in self._to_marks.items()}
        # A spelling with a character that has no mark can never be the template's; no model comes near 2,048 of them.
        markable = [word for word in words if set(word).issubset(alphabet)]
        self._spelling = re.compile(_longest_of(words))
        self._marked_spelling = re.compile(_longest_of(map(self.mark, markable)))

    def mark(self, text: str) -> str:
        """The same text as the template's own; of the same length."""
        return text.translate(self._to_marks)

    def unmark(self, marked: str) -> str:
        """The text to be read, of the same length, whoever wrote it."""
        return _MARKS.sub(lambda run: run[0].translate(self._from_marks), marked)

    def pieces(self, text: str, marked: str) -> list[TextPiece]:
        """A rendered prompt as the tokenizer shall see it, given to be read and with its marks.

        That is one piece, unless a spelling occurs that the template did not write. Then the text between two of the
        template's control tokens is a piece of its own, without control tokens, wherever such a spelling touches it;
        cutting nowhere else keeps the tokens of all other text as they would be in one piece.
        """
        foreign = list(self._foreign_spans(text, marked))
        if not foreign:
            return [TextPiece(text, True)] if text else []
        return [TextPiece(text[start:end], special) for start, end, special in self._cut(marked, foreign)]

    def _foreign_spans(self, text: str, marked: str) -> Iterator[Span]:
        """Where spellings occur that are not all the template's, those that overlap others included."""
        found = self._spelling.search(text)
        while found:
            if not _MARKS.fullmatch(marked, *found.span()):
                yield found.span()
            found = self._spelling.search(text, found.start() + 1)

    def _cut(self, marked: str, foreign: Sequence[Span]) -> Iterator[tuple[int, int, bool]]:
        stretches = list(self._stretches(marked))
        starts = [start for start, _, _ in stretches]
        tainted = set[int]()
        for start, end in foreign:
            tainted.update(range(bisect_right(starts, start) - 1, bisect_right(starts, end - 1)))
        special = [is_token or i not in tainted for i, (_, _, is_token) in enumerate(stretches)]
        for is_special, group in groupby(range(len(stretches)), key=special.__getitem__):
            members = list(group)
            yield stretches[members[0]][0], stretches[members[-1]][1], is_special

    def _stretches(self, marked: str) -> Iterator[tuple[int, int, bool]]:
        """The template's control tokens and what lies between them, in order: start, end, whether it is a token."""
        position = 0
        for token in self._marked_spelling.finditer(marked):
            if token.start() > position:
                yield position, token.start(), False
            yield *token.span(), True
            position = token.end()
        if position < len(marked):
            yield position, len(marked), False


def holds_marks(value: object) -> bool:
    """Whether any string of a JSON value, keys included, has a mark in it: a lone surrogate, which may pass for one."""
    rest = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, str):
            if not item.isascii() and _MARKS.search(item):
                return True
        elif isinstance(item, Mapping):
            rest += item.keys()
            rest += item.values()
        elif isinstance(item, (list, tuple)):
            rest += item
    return False


def _longest_of(words: Iterable[str]) -> str:
    """A pattern for the longest of the words that stands at a place: a trie, as there may be thousands of words."""
    branches = []
    for _, group in groupby(sorted(set(words)), key=lambda word: word[0]):
        family = list(group)
        prefix = commonprefix(family)  # noqa: RUF071  # by characters, as is meant here
        tails = [word[len(prefix) :] for word in family if word != prefix]
        optional = "?" if prefix == family[0] else ""
        branches.append(re.escape(prefix) + (f"(?:{_longest_of(tails)}){optional}" if tails else ""))
    return "|".join(branches) or "(?!)"
