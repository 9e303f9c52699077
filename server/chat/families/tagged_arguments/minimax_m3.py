"""Arguments as elements that have their keys for names, and members and items as elements inside: MiniMax M3.

    ]<]minimax[>[<tool_call>
    ]<]minimax[>[<invoke name="f">]<]minimax[>[<days>]<]minimax[>[<item>1]<]minimax[>[</item>]<]minimax[>[</days> ...

In front of every tag stands the same control token. Strings are bare, so the function's schema says what is one, and
which value has members and which has items. A value that is JSON is understood as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from server.chat.calls.bare_values import read_text, read_value
from server.chat.calls.calls import Calls, read_arguments
from server.chat.calls.family import Mark
from server.chat.calls.json_values import dumps
from server.chat.calls.opened import MAX_HEADER_LENGTH, OpenedFamily
from server.chat.calls.reader import Broken, Reader, Steps
from server.chat.calls.schema_types import item_schema, member_schema, types_of
from server.chat.families.tagged_arguments.minimax_m3_grammar import (
    CALLS_END,
    CALLS_START,
    INVOKE_END,
    INVOKE_START,
    ITEM,
    MARKERS,
    NAME_END,
    TAG,
    calls_grammar,
    closed,
    opened,
)
from server.chat.tools import Tool

_MAX_DEPTH = 32
"""Of elements in elements."""
_EMPTY = {"string": '""', "array": "[]", "object": "{}", "null": "null"}
"""What an element without a text is, the likeliest first."""

Schema = Mapping[str, Any]


class MiniMaxM3(OpenedFamily):
    """Several functions may stand between one pair of markers."""

    name = "minimax-m3"
    call_starts = (CALLS_START,)

    @property
    def markers(self) -> tuple[str, ...]:
        return MARKERS

    def recognizes(self, template_source: str) -> bool:
        return TAG in template_source and "<invoke" in template_source

    def grammar(self, tools: Sequence[Tool], parallel: bool, mark: Mark) -> str:
        return calls_grammar(tools, parallel, mark)

    def _read(self, reader: Reader, calls: Calls) -> Steps[None]:
        yield from reader.take(CALLS_START)
        yield from reader.space()
        yield from self._read_function(reader, calls)
        while (yield from _follows(reader, INVOKE_START)):
            yield from self._read_function(reader, calls)
        yield from reader.take_closing(CALLS_END)

    def _read_function(self, reader: Reader, calls: Calls) -> Steps[None]:
        yield from reader.take(INVOKE_START)
        name = (yield from reader.whole_before(NAME_END, max_length=MAX_HEADER_LENGTH)).strip()
        yield from reader.take(NAME_END)
        yield calls.start(name)
        reader.commit()
        if (yield from _follows(reader, "{")):
            yield from read_arguments(reader, calls)
            yield from reader.take_closing(INVOKE_END)
        else:
            elements = _Elements(reader, calls, calls.tools[name].parameters)
            yield from elements.read_members(elements.root, INVOKE_END)


class _Elements:
    """Reads the arguments of one call."""

    def __init__(self, reader: Reader, calls: Calls, root: Schema) -> None:
        self.root = root
        self._reader = reader
        self._calls = calls

    def read_members(self, schema: Schema, end: str, depth: int = 0) -> Steps[None]:
        """Elements up to the end of what holds them; raises Broken for anything else."""
        separator = "{"
        while not (yield from _follows(self._reader, end)):
            key = yield from self._read_key()
            yield self._calls.arguments(f"{separator}{dumps(key)}: ")
            self._reader.commit()
            yield from self._read_value(member_schema(schema, self.root, key), closed(key), depth)
            separator = ", "
        yield from self._take_end(end, "{}" if separator == "{" else "}")

    def _read_items(self, schema: Schema, end: str, depth: int) -> Steps[None]:
        separator = "["
        while not (yield from _follows(self._reader, end)):
            yield from self._reader.space()
            yield from self._reader.take(opened(ITEM))
            yield self._calls.arguments(separator)
            self._reader.commit()
            yield from self._read_value(item_schema(schema, self.root), closed(ITEM), depth)
            separator = ", "
        yield from self._take_end(end, "[]" if separator == "[" else "]")

    def _take_end(self, end: str, text: str) -> Steps[None]:
        yield from self._reader.take(end)
        yield self._calls.arguments(text)
        self._reader.commit()

    def _read_key(self) -> Steps[str]:
        yield from self._reader.space()
        yield from self._reader.take(f"{TAG}<")
        key = yield from self._reader.whole_before(">", max_length=MAX_HEADER_LENGTH)
        yield from self._reader.take(">")
        if key.startswith("/"):
            raise Broken
        return key

    def _read_value(self, schema: Schema, end: str, depth: int) -> Steps[None]:
        """What stands between an element's tags, and its end."""
        types = types_of(schema, self.root)
        if types == {"string"}:
            yield from read_text(self._reader, self._calls, end)
        elif (yield from self._reader.take_if(end)):
            yield self._calls.arguments(next((_EMPTY[each] for each in _EMPTY if each in types), '""'))
        elif types & {"array", "object"} and (yield from self._opens(types, end)):
            yield from self._read_elements(schema, types, end, depth)
        else:
            yield from read_value(self._reader, self._calls, types, end)
        self._reader.commit()

    def _opens(self, types: frozenset[str], end: str) -> Steps[bool]:
        """Whether an element comes next; nothing but white space is a text, if there may be one."""
        if not (yield from _follows(self._reader, f"{TAG}<")):
            return False
        if "string" in types and (yield from self._reader.find(end)):
            self._reader.give_back()
            return False
        return True

    def _read_elements(self, schema: Schema, types: frozenset[str], end: str, depth: int) -> Steps[None]:
        """A value that has some."""
        if depth == _MAX_DEPTH:
            raise Broken
        if "array" in types and (yield from self._reader.find(opened(ITEM), end)):
            yield from self._read_items(schema, end, depth + 1)
        else:
            yield from self.read_members(schema, end, depth + 1)


def _follows(reader: Reader, marker: str) -> Steps[bool]:
    """Whether this comes next, behind white space, which is read only then. What was read before is accounted for."""
    reader.commit()
    yield from reader.space()
    if (yield from reader.find(marker)):
        return True
    reader.give_back()
    return False
