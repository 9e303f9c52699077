"""Calls whose arguments stand between tags, each by itself: `<parameter=city>Paris</parameter>`.

Values are bare: a string is a text without quotes, everything else is JSON. The function's schema says which is which,
and strings are passed on while they come. Models that fall back into Hermes' JSON between the same markers are
understood, and constrained to it where a schema has what tags cannot promise.
"""

from __future__ import annotations

from collections.abc import Sequence

from server.chat.calls.bare_values import read_text, read_value
from server.chat.calls.calls import Calls
from server.chat.calls.family import Mark
from server.chat.calls.json_calls import read_json_calls
from server.chat.calls.json_values import dumps
from server.chat.calls.opened import MAX_HEADER_LENGTH, OpenedFamily
from server.chat.calls.reader import Broken, Reader, Steps
from server.chat.calls.schema_types import property_schema, types_of
from server.chat.calls.tagged_grammar import CDATA_END, CDATA_START, TaggedGrammar, Tags
from server.chat.tools import Tool


class Tagged(OpenedFamily):
    """The first of `call_starts` is in front of a call; the others may stand there alone where models forget it."""

    tags: Tags

    @property
    def markers(self) -> tuple[str, ...]:
        return (self.tags.call_start, self.tags.call_end)

    def grammar(self, tools: Sequence[Tool], parallel: bool, mark: Mark) -> str:
        return TaggedGrammar(self.tags, self.markers, mark).rules(tools, parallel)

    def _read(self, reader: Reader, calls: Calls) -> Steps[None]:
        tags = self.tags
        yield from reader.take_if(tags.json_start or tags.call_start)
        yield from reader.space()
        goes_on = True
        while goes_on:
            if (yield from reader.peek()) in ("{", "["):
                yield from read_json_calls(reader, calls)
            else:
                yield from self._read_function(reader, calls)
            goes_on = bool(tags.function_start) and (yield from _follows(reader, *self._function_starts))
        yield from reader.take_closing(tags.json_end or tags.call_end)

    @property
    def _function_starts(self) -> tuple[str, ...]:
        """What the next function between the same markers begins with."""
        return (self.tags.function_start, "{") if self.tags.is_shared else (self.tags.function_start,)

    def _read_function(self, reader: Reader, calls: Calls) -> Steps[None]:
        tags = self.tags
        if tags.function_start:
            yield from reader.take(tags.function_start)
        name = yield from reader.whole_before(*tags.name_ends, max_length=MAX_HEADER_LENGTH)
        yield from reader.take_if(tags.name_ends[0])
        yield calls.start(name.strip())
        reader.commit()
        separator = "{"
        while (yield from _follows(reader, tags.key_start)):
            yield from self._read_argument(reader, calls, calls.tools[name.strip()], separator)
            separator = ", "
        if not (yield from _follows(reader, tags.function_end or tags.call_end, tags.call_end)):
            # Cut off, or something else: who knows which arguments would have come.
            raise Broken
        yield calls.arguments("{}" if separator == "{" else "}")
        if tags.function_end:
            yield from reader.take_closing(tags.function_end)

    def _read_argument(self, reader: Reader, calls: Calls, tool: Tool, separator: str) -> Steps[None]:
        tags = self.tags
        yield from reader.take(tags.key_start)
        key = (yield from reader.whole_before(*tags.key_ends, max_length=MAX_HEADER_LENGTH)).strip()
        is_text = (yield from reader.take(*tags.key_ends)) in tags.text_key_ends
        if tags.value_start:
            yield from reader.space()
            yield from reader.take(tags.value_start)
        yield from reader.take_if("\n")
        types = types_of(property_schema(tool.parameters, key), tool.parameters)
        yield calls.arguments(f"{separator}{dumps(key)}: ")
        reader.commit()
        if tags.has_cdata and (yield from reader.take_if(CDATA_START)):
            yield from read_text(reader, calls, *self._value_ends(CDATA_END))
        elif is_text or types == {"string"}:
            yield from read_text(reader, calls, *self._value_ends())
        else:
            yield from read_value(reader, calls, types, *self._value_ends())
        reader.commit()

    def _value_ends(self, cdata_end: str = "") -> tuple[str, str]:
        """A line break in front of the tag is the tag's."""
        return f"{cdata_end}{self.tags.value_end}", f"{cdata_end}\n{self.tags.value_end}"


def _follows(reader: Reader, *markers: str) -> Steps[bool]:
    """Whether one of the markers comes next, behind white space, which is read only then."""
    reader.commit()
    yield from reader.space()
    if (yield from reader.find(*markers)):
        return True
    reader.give_back()
    return False
