"""Parsers of formats in which a message says itself whether it is a thought. Nothing here knows such a format."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from server.answers.parts import ContentText, OutputPart, ReasoningText
from server.chat.calls.reader import Reader, SteppedParser, Steps


class ThinkingParser(SteppedParser):
    """Implements `ReasoningParser` for steps that set `is_thinking` as long as they read a thought."""

    def __init__(self, steps: Callable[[Reader], Steps[None]]) -> None:
        super().__init__(steps)
        self.is_thinking = False
        self.is_reasoning = False

    def feed(self, text: str) -> list[OutputPart]:
        was_thinking = self.is_thinking
        parts = super().feed(text)
        self.is_reasoning = was_thinking or self.is_thinking or any(isinstance(part, ReasoningText) for part in parts)
        return parts


def read_text(
    reader: Reader, part: Callable[[str], OutputPart], markers: Sequence[str], holds_space: bool = False
) -> Steps[None]:
    """A text up to a marker; with `holds_space` white space in front of one is nobody's."""
    while text := (yield from reader.text_before(*markers, holds_space=holds_space)):
        reader.commit()
        yield part(text)


def read_marked_text(
    reader: Reader, read_marked: Callable[[Reader], Steps[bool]], markers: Sequence[str], follows_marker: bool = False
) -> Steps[None]:
    """Content up to the end, without the white space around what is marked.

    `read_marked` reads what begins with a marker, with all that belongs to it, and returns whether one came.
    """
    while (yield from reader.peek()):
        yield from reader.space()
        if reader.has_ended:
            space = reader.rest()
            if not follows_marker:
                yield ContentText(space)
            break
        follows_marker = yield from read_marked(reader)
        if not follows_marker:
            reader.give_back()
            yield from read_text(reader, ContentText, markers, holds_space=True)
