"""`{"name": ..., "parameters": {...}}`, bare: Llama 3. An output calls from its beginning, or not at all.

Only `<|python_tag|>`, which some models write in front, can begin a call behind a text.
"""

from __future__ import annotations

from collections.abc import Sequence

from server.chat.calls.calls import Calls, content_and_calls
from server.chat.calls.family import Mark
from server.chat.calls.json_calls import CallKeys, json_call_rules, read_json_calls
from server.chat.calls.lark import literal, several
from server.chat.calls.reader import Broken, Reader, SteppedParser, Steps
from server.chat.parser import OutputParser
from server.chat.tools import Tool

PYTHON_TAG = "<|python_tag|>"
_KEYS = CallKeys("name", "parameters", is_bare=True)


class Llama:
    """Several calls, which its template does not know but models write, are separated by `;`."""

    name = "llama"
    markers = (PYTHON_TAG,)
    call_starts: tuple[str, ...] = ()
    owns_reasoning = False

    def recognizes(self, template_source: str) -> bool:
        has_headers = "<|start_header_id|>" in template_source or "<|header_start|>" in template_source
        return has_headers and '"parameters": ' in template_source

    def parser(self, tools: Sequence[Tool]) -> OutputParser:
        calls = Calls(tools)
        return SteppedParser(lambda reader: _read(reader, calls))

    def grammar(self, tools: Sequence[Tool], parallel: bool, mark: Mark) -> str:
        return f"tool_calls: {several('tool_call', literal('; '), parallel)}\n{json_call_rules(tools, _KEYS)}"


def _read(reader: Reader, calls: Calls) -> Steps[None]:
    yield from reader.space()
    try:
        if (yield from reader.peek()) in ("{", "["):
            yield from read_json_calls(reader, calls, _KEYS)
    except Broken:
        pass
    reader.give_back()
    yield from content_and_calls(reader, calls, (PYTHON_TAG,), _read_tagged)


def _read_tagged(reader: Reader, calls: Calls) -> Steps[None]:
    yield from reader.take(PYTHON_TAG)
    yield from reader.space()
    yield from read_json_calls(reader, calls, _KEYS)
