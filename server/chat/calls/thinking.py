"""Parsers of formats in which a message says itself whether it is a thought. Nothing here knows such a format."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from server.answers.parts import OutputPart, ReasoningText
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
