"""What families have in common whose calls are JSON objects between two markers."""

from __future__ import annotations

from collections.abc import Sequence

from server.chat.calls.calls import Calls
from server.chat.calls.family import Mark
from server.chat.calls.json_calls import STANDARD, CallKeys, json_call_rules, read_json_calls
from server.chat.calls.lark import literal, several
from server.chat.calls.opened import OpenedFamily
from server.chat.calls.reader import Reader, Steps
from server.chat.tools import Tool


class MarkedJson(OpenedFamily):
    """Arrays and single objects are both read, whichever the template teaches; the grammar has what it teaches.

    The first of `call_starts` is the one that the grammar has.
    """

    call_ends: tuple[str, ...] = ()
    """Behind the calls; they may be missing."""
    keys: CallKeys = STANDARD
    array: tuple[str, str] | None = None
    """The brackets, with their white space, of the array that calls are between the markers; else each has markers."""
    space: str = ""
    """What the template writes between a marker and the JSON text."""
    separator: str = ""
    """What it writes between calls."""

    @property
    def markers(self) -> tuple[str, ...]:
        return (*self.call_starts, *self.call_ends)

    def _read(self, reader: Reader, calls: Calls) -> Steps[None]:
        yield from reader.take((yield from reader.find(*self.call_starts)).removesuffix("["))
        yield from reader.space()
        yield from read_json_calls(reader, calls, self.keys)
        if self.call_ends:
            yield from reader.take_closing(*self.call_ends)

    def grammar(self, tools: Sequence[Tool], parallel: bool, mark: Mark) -> str:
        start = f"{mark(self.call_starts[0])} {_text(self.space)}"
        end = f"{_text(self.space)} {mark(self.call_ends[0])}" if self.call_ends else ""
        if self.array:
            first, last = map(literal, self.array)
            calls = f"{start} {first} {several('tool_call', literal(self.separator), parallel)} {last} {end}"
        else:
            calls = several("tool_marked_call", _text(self.separator), parallel)
            calls += f"\ntool_marked_call: {start} tool_call {end}"
        return f"tool_calls: {calls}\n{json_call_rules(tools, self.keys)}"


def _text(text: str) -> str:
    return literal(text) if text else ""
