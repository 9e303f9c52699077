"""What takes a model's text apart into reasoning, content and tool calls.

Parsers are incremental. They get text as it comes, cut anywhere, and may hold back what they cannot tell yet. They know
neither tokens nor HTTP; which format a model writes is theirs alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from server.answers.parts import OutputPart


class OutputParser(Protocol):
    """Takes one output apart. Used for one choice, and for nothing after `finish`.

    - Parts of one kind that follow each other, joined, are the same however the text was cut (call ids apart).
    - Parts never have an empty text. A call's arguments begin after its `ToolCallStarted` and end before the next one.
    - Nothing raises, and nothing but the format's own markers and the white space around them is swallowed. What turns
      out to be no call (bad JSON, a function that is not among the tools, half a marker) comes out as `ContentText`,
      as it was written. A call that breaks off or breaks after it was started stays with the arguments that it has.
    """

    def feed(self, text: str) -> list[OutputPart]:
        """What is certain after this text."""
        ...

    def finish(self) -> list[OutputPart]:
        """The rest: no more text will come."""
        ...


class ReasoningParser(OutputParser, Protocol):
    """One that tells reasoning from the rest, so that the tokens of both can be counted."""

    @property
    def is_reasoning(self) -> bool:
        """Whether what was fed last belongs to reasoning, as far as can be told by now."""
        ...


MakeParser = Callable[[], OutputParser]
"""Makes the parser of one choice."""
