"""A piece of a text around what was found in it, in parts that were found or not."""

from __future__ import annotations

from collections.abc import Iterator

from storage.records import SnippetPart
from storage.search.query import Query

NUM_BEFORE = 60
NUM_AFTER = 180
"""Characters of a text that are shown before the beginning and behind the beginning of the first match."""

NUM_TO_SPACE = 15
"""Characters within which a cut is moved to a space."""

LEFT_OUT = "…"


def snippet(text: str, query: Query) -> tuple[SnippetPart, ...]:
    """The parts, which make up a piece of the text; `…` stands for what was left out before and behind it."""
    spans = query.spans(text)
    first = next(spans, (0, 0))
    start = _cut(text, max(0, first[0] - NUM_BEFORE), first[0])
    end = _cut_end(text, max(first[1], min(len(text), first[0] + NUM_AFTER)), first[1])
    parts: list[SnippetPart] = [SnippetPart(LEFT_OUT, False)] if start > 0 else []
    at = start
    for begin, stop in _merged(first, spans, start, end):
        parts += [SnippetPart(text[at:begin], False), SnippetPart(text[begin:stop], True)]
        at = stop
    parts.append(SnippetPart(text[at:end] + (LEFT_OUT if end < len(text) else ""), False))
    return tuple(part for part in parts if part.text)


def _merged(first: tuple[int, int], more: Iterator[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    """What is found between `start` and `end`, in order; what touches is one."""
    merged = [first] if first[1] else []
    for begin, stop in more:
        if stop > end:
            break
        earliest = max(begin, start)
        while merged and earliest <= merged[-1][1]:
            earliest = min(earliest, merged.pop()[0])
        merged.append((earliest, stop))
    return merged


def _cut(text: str, at: int, before: int) -> int:
    """The place of a cut, or behind the first space after it."""
    if at == 0:
        return 0
    space = text.find(" ", at, min(at + NUM_TO_SPACE, before))
    return at if space < 0 else space + 1


def _cut_end(text: str, at: int, behind: int) -> int:
    """The place of a cut, or the last space in front of it."""
    if at >= len(text):
        return len(text)
    space = text.rfind(" ", max(at - NUM_TO_SPACE, behind), at)
    return at if space < 0 else space
