"""`<|tools_prefix|>[{"name": {...}}, ...]<|tools_suffix|>`: Apertus. The name is the key, and has the arguments."""

from __future__ import annotations

import json
from collections.abc import Sequence

from server.chat.calls.calls import Calls, read_arguments
from server.chat.calls.family import Mark
from server.chat.calls.json_values import loads
from server.chat.calls.lark import call_rules, literal, several
from server.chat.calls.opened import OpenedFamily
from server.chat.calls.reader import Broken, Reader, Steps
from server.chat.tools import Tool


class Apertus(OpenedFamily):
    """All calls in one array. An object with several names is as many calls."""

    name = "apertus"
    call_starts = ("<|tools_prefix|>",)
    other_markers = ("<|tools_suffix|>",)

    def recognizes(self, template_source: str) -> bool:
        return self.call_starts[0] in template_source

    def _read(self, reader: Reader, calls: Calls) -> Steps[None]:
        yield from reader.take(*self.call_starts)
        yield from reader.space()
        yield from reader.take("[")
        separator = ","
        while separator:
            yield from reader.space()
            yield from _read_object(reader, calls)
            yield from reader.space()
            separator = yield from reader.take_if(",")
        yield from reader.take_closing("]")
        yield from reader.take_closing(*self.other_markers)

    def grammar(self, tools: Sequence[Tool], parallel: bool, mark: Mark) -> str:
        calls = several("tool_call", literal(", "), parallel)
        rules = call_rules(tools, lambda tool: literal(f"{{{json.dumps(tool.name)}: "), '"}"')
        return f'tool_calls: {mark(self.call_starts[0])} "[" {calls} "]" {mark(self.other_markers[0])}\n{rules}'


def _read_object(reader: Reader, calls: Calls) -> Steps[None]:
    yield from reader.take("{")
    separator = ","
    while separator:
        yield from reader.space()
        if (yield from reader.peek()) != '"':
            raise Broken
        name = loads((yield from reader.json_text()))
        yield from reader.space()
        yield from reader.take(":")
        yield calls.start(name)
        reader.commit()
        yield from read_arguments(reader, calls)
        yield from reader.space()
        separator = yield from reader.take_if(",")
    yield from reader.take_closing("}")
