"""Calls in Python's syntax, `[name(key=value, ...), ...]`: LFM2 between control tokens, others bare.

Values are Python's or JSON's, whichever a model writes. Forced calls have JSON, which is close enough to what templates
show, and `**{...}` for arguments whose names Python could not write.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from server.chat.calls.calls import Calls, content_and_calls, read_arguments
from server.chat.calls.family import Mark
from server.chat.calls.json_values import dumps, loads
from server.chat.calls.lark import literal, member_rules, several
from server.chat.calls.opened import MAX_HEADER_LENGTH, OpenedFamily
from server.chat.calls.reader import Broken, Reader, SteppedParser, Steps
from server.chat.calls.schema import call_schema, json_rule
from server.chat.calls.schema_types import is_plain_object, with_definitions
from server.chat.parser import OutputParser
from server.chat.tools import Tool

_NAME = re.compile(r"[A-Za-z_]\w*")
_CLOSING = {"(": ")", "[": "]", "{": "}"}


class Lfm2(OpenedFamily):
    """`<|tool_call_start|>[...]<|tool_call_end|>`. The templates of LFM2.5 may show tools only, in LFM2's words."""

    name = "lfm2"
    call_starts: tuple[str, ...] = ("<|tool_call_start|>",)
    other_markers: tuple[str, ...] = ("<|tool_call_end|>",)

    def recognizes(self, template_source: str) -> bool:
        return any(words in template_source for words in (*self.call_starts, "<|tool_list_start|>", "List of tools: ["))

    def _read(self, reader: Reader, calls: Calls) -> Steps[None]:
        yield from reader.take(*self.call_starts)
        yield from _read_list(reader, calls)
        yield from reader.take_closing(*self.other_markers)

    def grammar(self, tools: Sequence[Tool], parallel: bool, mark: Mark) -> str:
        start, end = mark(self.call_starts[0]), mark(self.other_markers[0])
        calls = several("tool_call", literal(", "), parallel)
        return f'tool_calls: {start} "[" {calls} "]" {end}\n{_call_rules(tools)}'


class BarePython(Lfm2):
    """An output calls from its beginning, or not at all; Llama 4's control tokens may stand around the list."""

    name = "pythonic"
    call_starts = ()
    other_markers = ("<|python_start|>", "<|python_end|>")

    def recognizes(self, template_source: str) -> bool:
        return "func_name1(" in template_source

    def parser(self, tools: Sequence[Tool]) -> OutputParser:
        calls = Calls(tools)
        return SteppedParser(lambda reader: self._read_whole(reader, calls))

    def _read_whole(self, reader: Reader, calls: Calls) -> Steps[None]:
        yield from reader.space()
        try:
            if (yield from reader.peek()) == "[":
                yield from _read_list(reader, calls)
        except Broken:
            pass
        reader.give_back()
        yield from content_and_calls(reader, calls, self.other_markers[:1], self._read_marked)

    def _read_marked(self, reader: Reader, calls: Calls) -> Steps[None]:
        yield from reader.take(self.other_markers[0])
        yield from _read_list(reader, calls)
        yield from reader.take_closing(self.other_markers[1])

    def grammar(self, tools: Sequence[Tool], parallel: bool, mark: Mark) -> str:
        return f'tool_calls: "[" {several("tool_call", literal(", "), parallel)} "]"\n{_call_rules(tools)}'


def _read_list(reader: Reader, calls: Calls) -> Steps[None]:
    yield from reader.space()
    yield from reader.take("[")
    separator = ","
    while separator:
        yield from reader.space()
        name = yield from reader.whole_before("(", max_length=MAX_HEADER_LENGTH)
        yield from reader.take("(")
        yield calls.start(name.strip())
        reader.commit()
        yield from _read_call(reader, calls)
        yield from reader.space()
        separator = yield from reader.take_if(",")
    yield from reader.take_closing("]")


def _read_call(reader: Reader, calls: Calls) -> Steps[None]:
    """What is behind the opening bracket, up to the closing one."""
    yield from reader.space()
    if (yield from reader.take_if("**")):
        yield from read_arguments(reader, calls)
    else:
        separator = "" if (yield from reader.peek()) == ")" else "{"
        yield calls.arguments("{")
        while separator:
            yield from reader.space()
            key = (yield from reader.whole_before("=", max_length=MAX_HEADER_LENGTH)).strip()
            yield from reader.take("=")
            value = yield from _read_value(reader)
            yield calls.arguments(f"{', ' if separator == ',' else ''}{dumps(key)}: {value}")
            reader.commit()
            separator = yield from reader.take_if(",")
        if (yield from reader.peek()) == ")":
            yield calls.arguments("}")
    yield from reader.space()
    yield from reader.take(")")
    reader.commit()


def _read_value(reader: Reader) -> Steps[str]:
    """Up to the comma or bracket behind it; as JSON text."""
    text, closing = "", ""
    while True:
        char = yield from reader.peek()
        if not char or (not closing and char in ",)"):
            break
        if closing[-1:] in ("'", '"'):
            if char == "\\":
                yield from reader.take(char)
                text, char = text + char, (yield from reader.peek())
            elif char == closing[-1]:
                closing = closing[:-1]
        elif char == closing[-1:]:
            closing = closing[:-1]
        else:
            closing += char if char in "'\"" else _CLOSING.get(char, "")
        text += char
        yield from reader.take_if(char)
    if not char:
        raise Broken
    return _json_text(text.strip())


def _json_text(text: str) -> str:
    """The value as it stands there if it is JSON, else what Python takes it for; raises Broken."""
    try:
        loads(text)
    except (ValueError, RecursionError):
        try:
            return dumps(ast.literal_eval(text))
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            raise Broken from None
    return text


def _call_rules(tools: Sequence[Tool]) -> str:
    rules = [f"tool_call: {' | '.join(f'tool_call_{i}' for i in range(len(tools)))}\n"]
    for i, tool in enumerate(tools):
        rules += _rules_of(tool, i)
    return "".join(rules)


def _rules_of(tool: Tool, i: int) -> Iterator[str]:
    root = tool.parameters
    properties = root.get("properties", {})
    if not is_plain_object(root) or not all(map(_NAME.fullmatch, properties)):
        yield f'tool_call_{i}: {literal(f"{tool.name}(**")} tool_arguments_{i} ")"\n'
        yield f"tool_arguments_{i}: {json_rule(call_schema(tool))}\n"
        return
    members = []
    for j, (key, schema) in enumerate(properties.items()):
        argument_schema = call_schema(replace(tool, parameters=with_definitions(schema, root)))
        yield f"tool_argument_{i}_{j}: {literal(f'{key}=')} tool_value_{i}_{j}\n"
        yield f"tool_value_{i}_{j}: {json_rule(argument_schema)}\n"
        members.append((f"tool_argument_{i}_{j}", key in root.get("required", [])))
    yield member_rules(f"tool_members_{i}", members, ", ")
    yield f'tool_call_{i}: {literal(f"{tool.name}(")} tool_members_{i} ")"\n'
