"""Values that stand bare between tags, a string without its quotes, anything else as JSON; they are made JSON.

It knows what ends a value, and neither the tags around it nor where its type comes from.
"""

from __future__ import annotations

from server.chat.calls.calls import Calls
from server.chat.calls.json_values import dumps
from server.chat.calls.reader import Broken, Reader, Steps
from server.chat.calls.schema_types import json_of


def read_text(reader: Reader, calls: Calls, *ends: str) -> Steps[None]:
    """A string up to one of the ends, which is read, too; raises Broken if none comes."""
    yield calls.arguments('"')
    while piece := (yield from reader.text_before(*ends, holds_half=True)):
        reader.commit()
        yield calls.arguments(dumps(piece)[1:-1])
    yield from reader.take(*ends)
    yield calls.arguments('"')


def read_value(reader: Reader, calls: Calls, types: frozenset[str], *ends: str) -> Steps[None]:
    """The same for a value of one of the types, which is held back until it is whole."""
    if (yield from reader.peek()) in ("{", "["):
        # JSON says where it ends, though what ends the value may stand in one of its strings.
        try:
            value = yield from reader.json_text()
            yield from reader.space()
            yield from reader.take(*ends)
        except Broken:
            reader.give_back()
        else:
            yield calls.arguments(json_of(value, types))
            return
    value = yield from reader.whole_before(*ends)
    yield from reader.take(*ends)
    yield calls.arguments(json_of(value, types))
