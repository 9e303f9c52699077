"""`call:name{key:value,...}` between control tokens, strings between others: FunctionGemma and Gemma 4.

Gemma 3's own template knows no tools; it gets the generic format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from server.chat.calls.calls import Calls
from server.chat.calls.family import Mark
from server.chat.calls.json_values import dumps, loads
from server.chat.calls.lark import literal, member_rules, several, text_rule
from server.chat.calls.opened import MAX_HEADER_LENGTH, OpenedFamily
from server.chat.calls.reader import Broken, Reader, Steps
from server.chat.calls.schema import call_schema, json_rule
from server.chat.calls.schema_types import ANYTHING, is_any_text, is_plain_object, json_of, with_definitions
from server.chat.tools import Tool

_MAX_DEPTH = 50
_CALL = "call:"
_BARE_KEY = re.compile(r"\w+")


class Gemma(OpenedFamily):
    """Gemma 4. Keys are bare, and members of objects may also be JSON's, to which constrained models are held."""

    name = "gemma"
    call_starts = ("<|tool_call>",)
    call_end = "<tool_call|>"
    quote = '<|"|>'

    @property
    def markers(self) -> tuple[str, ...]:
        return (*self.call_starts, self.call_end, self.quote)

    def recognizes(self, template_source: str) -> bool:
        return self.call_starts[0] in template_source

    def _read(self, reader: Reader, calls: Calls) -> Steps[None]:
        yield from reader.take(*self.call_starts)
        yield from reader.space()
        yield from reader.take(_CALL)
        name = yield from reader.whole_before("{", max_length=MAX_HEADER_LENGTH)
        yield calls.start(name.strip())
        reader.commit()
        yield from self._read_container(reader, calls, 0)
        yield from reader.take_closing(self.call_end)

    def _read_value(self, reader: Reader, calls: Calls, depth: int) -> Steps[None]:
        yield from reader.space()
        first = yield from reader.peek()
        if (yield from reader.take_if(self.quote)):
            yield from self._read_text(reader, calls)
        elif first == '"':
            yield calls.arguments((yield from reader.json_text()))
        elif first in ("{", "["):
            yield from self._read_container(reader, calls, depth)
        else:
            word = yield from reader.whole_before(",", "}", "]")
            yield calls.arguments(json_of(word.strip(), ANYTHING))
        reader.commit()

    def _read_container(self, reader: Reader, calls: Calls, depth: int) -> Steps[None]:
        """An object or an array, whichever bracket comes."""
        if depth > _MAX_DEPTH:
            raise Broken
        opening = yield from reader.take("{", "[")
        closing = "}" if opening == "{" else "]"
        yield calls.arguments(opening)
        yield from reader.space()
        separator = "" if (yield from reader.find(closing)) else opening
        while separator:
            lead = ", " if separator == "," else ""
            if closing == "}":
                lead += yield from self._read_key(reader)
            if lead:
                yield calls.arguments(lead)
            reader.commit()
            yield from self._read_value(reader, calls, depth + 1)
            yield from reader.space()
            separator = yield from reader.take_if(",")
        yield from reader.take(closing)
        yield calls.arguments(closing)
        reader.commit()

    def _read_key(self, reader: Reader) -> Steps[str]:
        """With its colon, as JSON text."""
        yield from reader.space()
        if (yield from reader.peek()) == '"':
            key = loads((yield from reader.json_text()))
        elif (yield from reader.take_if(self.quote)):
            key = yield from reader.whole_before(self.quote, max_length=MAX_HEADER_LENGTH)
            yield from reader.take(self.quote)
        else:
            key = (yield from reader.whole_before(":", max_length=MAX_HEADER_LENGTH)).strip()
        yield from reader.space()
        yield from reader.take(":")
        return f"{dumps(key)}: "

    def _read_text(self, reader: Reader, calls: Calls) -> Steps[None]:
        yield calls.arguments('"')
        reader.commit()
        while piece := (yield from reader.text_before(self.quote, holds_half=True)):
            yield calls.arguments(dumps(piece)[1:-1])
            reader.commit()
        yield from reader.take(self.quote)
        yield calls.arguments('"')

    def grammar(self, tools: Sequence[Tool], parallel: bool, mark: Mark) -> str:
        call = f"{mark(self.call_starts[0])} tool_call {mark(self.call_end)}"
        rules = [
            f"tool_calls: {several(call, '', parallel)}\n",
            f"tool_call: {' | '.join(f'tool_call_{i}' for i in range(len(tools)))}\n",
            text_rule("tool_text", self.quote, self.markers, mark),
        ]
        for i, tool in enumerate(tools):
            rules += self._call_rules(tool, i, mark)
        return "".join(rules)

    def _call_rules(self, tool: Tool, i: int, mark: Mark) -> Iterator[str]:
        root = tool.parameters
        properties = root.get("properties", {})
        if not is_plain_object(root) or not all(map(_BARE_KEY.fullmatch, properties)):
            yield f"tool_call_{i}: {literal(f'{_CALL}{tool.name}')} tool_arguments_{i}\n"
            yield f"tool_arguments_{i}: {json_rule(call_schema(tool))}\n"
            return
        members = []
        for j, (key, schema) in enumerate(properties.items()):
            value, argument = f"tool_value_{i}_{j}", f"tool_argument_{i}_{j}"
            argument_tool = replace(tool, parameters=with_definitions(schema, root))
            is_bare = is_any_text(schema, root)
            yield f"{value}: {f'{mark(self.quote)} tool_text' if is_bare else json_rule(call_schema(argument_tool))}\n"
            yield f"{argument}: {literal(f'{key}:')} {value}\n"
            members.append((argument, key in root.get("required", [])))
        yield member_rules(f"tool_members_{i}", members, ",")
        start = f"{_CALL}{tool.name}{{"
        yield f'tool_call_{i}: {literal(start)} tool_members_{i} "}}"\n'


class FunctionGemma(Gemma):
    """The same with other control tokens."""

    name = "function-gemma"
    call_starts = ("<start_function_call>",)
    call_end = "<end_function_call>"
    quote = "<escape>"

    def recognizes(self, template_source: str) -> bool:
        return "<start_function_declaration>" in template_source or super().recognizes(template_source)
