"""Reading a text that arrives in pieces, in straight code: what every tool-call format is parsed with.

A parser is a generator over a `Reader`. It yields the parts that it has made, and None where it must wait for text;
`SteppedParser` makes an `OutputParser` of it. Decisions are made on text alone and never on where it was cut. Nothing
here knows a format.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from functools import cache
from typing import TypeVar

from server.answers.parts import ContentText, OutputPart, ReasoningText, ToolCallArguments
from server.chat.calls.json_scanner import BadJson, JsonScanner

T = TypeVar("T")
Steps = Generator[OutputPart | None, None, T]
"""Parts, or None for "more text, please"; at the end a T."""


class Broken(Exception):
    """The text is not what the format wants there."""


class Reader:
    """What has arrived and is not used up: everything from the mark, of which the part before the position is read."""

    def __init__(self) -> None:
        self.is_complete = False
        """No more text will come."""
        self._text = ""
        self._position = 0

    def add(self, text: str) -> None:
        self._text += text

    # --- what is accounted for ----------------------------------------------------------------------------------

    def commit(self) -> None:
        """What has been read is in the parts that were yielded, or needs not be."""
        self._text = self._text[self._position :]
        self._position = 0

    def give_back(self) -> None:
        """Unread everything since the last commit."""
        self._position = 0

    # --- reading ------------------------------------------------------------------------------------------------

    def peek(self) -> Steps[str]:
        """The next character, which stays unread; empty at the end of the text."""
        while self._position >= len(self._text) and not self.is_complete:
            yield None
        return self._text[self._position : self._position + 1]

    def space(self) -> Steps[str]:
        """Read the white space that comes next, if any."""
        start = self._position
        while (yield from self.peek()).isspace():
            self._position += 1
        return self._text[start : self._position]

    def find(self, *literals: str) -> Steps[str]:
        """The longest of the literals that comes next, which stays unread; empty if none does."""
        while True:
            rest = self._text[self._position : self._position + max(map(len, literals))]
            longer = [literal for literal in literals if len(literal) > len(rest) and literal.startswith(rest)]
            if self.is_complete or not longer:
                return max((literal for literal in literals if rest.startswith(literal)), key=len, default="")
            yield None

    def take_if(self, *literals: str) -> Steps[str]:
        """Read the longest of the literals that comes next; empty if none does."""
        found = yield from self.find(*literals)
        self._position += len(found)
        return found

    def take(self, *literals: str) -> Steps[str]:
        """The same; raises Broken if none of them comes."""
        found = yield from self.take_if(*literals)
        if not found:
            raise Broken
        return found

    def take_closing(self, *literals: str) -> Steps[None]:
        """Commit, then read the literal if one comes behind white space; what else comes stays unread."""
        self.commit()
        yield from self.space()
        if (yield from self.take_if(*literals)):
            self.commit()
        else:
            self.give_back()

    def text_before(self, *markers: str, holds_space: bool = False, holds_half: bool = False) -> Steps[str]:
        """The next stretch of text that belongs to no marker; empty where a marker or the end comes next.

        With `holds_space` white space in front of a marker or of the end is not part of the text: it stays unread.
        With `holds_half` so does half a marker at the end of everything.
        """
        pattern = _any_of(markers)
        while True:
            found = pattern.search(self._text, self._position)
            num_held = self._num_held(markers) if holds_half or not self.is_complete else 0
            end = found.start() if found else len(self._text) - num_held
            text = self._text[self._position : end]
            if holds_space:
                text = text.rstrip()
            if text or found or self.is_complete:
                self._position += len(text)
                return text
            yield None

    def whole_before(self, *markers: str, max_length: int | None = None) -> Steps[str]:
        """All the text before a marker, which must come; raises Broken if it does not, or if the text is too long."""
        pieces: list[str] = []
        num_left = max_length
        while piece := (yield from self.text_before(*markers, holds_half=True)):
            pieces.append(piece)
            if num_left is not None and (num_left := num_left - len(piece)) < 0:
                raise Broken
        if not (yield from self.find(*markers)):
            raise Broken
        return "".join(pieces)

    def json_piece(self, scanner: JsonScanner) -> Steps[str]:
        """The next stretch of a JSON value; empty at its end. Raises Broken where it is no JSON, or ends too early."""
        while not scanner.is_complete:
            if not (yield from self.peek()):
                raise Broken
            try:
                piece, self._position = scanner.scan(self._text, self._position)
            except BadJson:
                raise Broken from None
            if piece:
                return piece
        return ""

    def json_text(self) -> Steps[str]:
        """A whole JSON value; raises Broken as `json_piece` does."""
        scanner = JsonScanner()
        pieces: list[str] = []
        while piece := (yield from self.json_piece(scanner)):
            pieces.append(piece)
        return "".join(pieces)

    @property
    def has_ended(self) -> bool:
        """Whether everything is read and no more will come."""
        return self.is_complete and self._position == len(self._text)

    def rest(self) -> str:
        """Read everything that has arrived; returns all that is not committed."""
        self._position = len(self._text)
        return self._text

    def _num_held(self, markers: Sequence[str]) -> int:
        """How many characters at the end may turn out to begin a marker."""
        end = len(self._text)
        longest = min(max(map(len, markers)) - 1, end - self._position)
        tails = (self._text[end - length :] for length in range(longest, 0, -1))
        return next((len(tail) for tail in tails if any(marker.startswith(tail) for marker in markers)), 0)


class SteppedParser:
    """An `OutputParser` that runs a generator as far as the text goes."""

    def __init__(self, steps: Callable[[Reader], Steps[None]]) -> None:
        self._reader = Reader()
        self._steps = steps(self._reader)

    def feed(self, text: str) -> list[OutputPart]:
        self._reader.add(text)
        return self._run()

    def finish(self) -> list[OutputPart]:
        self._reader.is_complete = True
        return self._run()

    def _run(self) -> list[OutputPart]:
        parts: list[OutputPart] = []
        for part in self._steps:
            if part is None:
                break
            _append(parts, part)
        return parts


def _append(parts: list[OutputPart], part: OutputPart) -> None:
    """Add a part; text that continues the last one is joined to it."""
    last = parts[-1] if parts else None
    if isinstance(part, ContentText) and isinstance(last, ContentText):
        parts[-1] = ContentText(last.text + part.text)
    elif isinstance(part, ReasoningText) and isinstance(last, ReasoningText):
        parts[-1] = ReasoningText(last.text + part.text)
    elif isinstance(part, ToolCallArguments) and isinstance(last, ToolCallArguments) and last.index == part.index:
        parts[-1] = ToolCallArguments(part.index, last.text + part.text)
    else:
        parts.append(part)


@cache
def _any_of(markers: tuple[str, ...]) -> re.Pattern[str]:
    """Longest first, as one marker may begin another."""
    return re.compile("|".join(map(re.escape, sorted(markers, key=len, reverse=True))))
