"""What families have in common whose calls begin with a marker: everything in front of one is content."""

from __future__ import annotations

from collections.abc import Sequence

from server.chat.calls.calls import Calls, content_and_calls
from server.chat.calls.family import Mark
from server.chat.calls.reader import Reader, SteppedParser, Steps
from server.chat.parser import OutputParser
from server.chat.tools import Tool

MAX_HEADER_LENGTH = 256
"""Characters between two markers in which a name must be: names have 64 at most, ids of calls little more."""


class OpenedFamily:
    """A family that says what its markers are, how calls are read from the first on, and what its grammar is."""

    name: str
    call_starts: tuple[str, ...]
    """Where reading begins."""
    other_markers: tuple[str, ...] = ()
    owns_reasoning: bool = False

    @property
    def markers(self) -> tuple[str, ...]:
        return (*self.call_starts, *self.other_markers)

    def recognizes(self, template_source: str) -> bool:
        raise NotImplementedError

    def parser(self, tools: Sequence[Tool]) -> OutputParser:
        calls = self._calls(tools)
        return SteppedParser(lambda reader: content_and_calls(reader, calls, self.call_starts, self._read))

    def _calls(self, tools: Sequence[Tool]) -> Calls:
        return Calls(tools)

    def _read(self, reader: Reader, calls: Calls) -> Steps[None]:
        raise NotImplementedError

    def grammar(self, tools: Sequence[Tool], parallel: bool, mark: Mark) -> str:
        raise NotImplementedError
