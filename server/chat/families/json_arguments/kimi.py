"""`<|tool_calls_section_begin|><|tool_call_begin|>functions.name:0<|tool_call_argument_begin|>{...}`: Kimi K2.

What stands in front of the arguments is the call's id, which the template wants back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from server.chat.calls.calls import Calls, read_arguments
from server.chat.calls.family import Mark
from server.chat.calls.lark import call_rules, literal, several
from server.chat.calls.opened import MAX_HEADER_LENGTH
from server.chat.calls.reader import Broken, Reader, Steps
from server.chat.calls.sectioned import Sectioned
from server.chat.tools import Tool

SECTION_BEGIN, SECTION_END = "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"
CALL_BEGIN, CALL_END = "<|tool_call_begin|>", "<|tool_call_end|>"
ARGUMENTS = "<|tool_call_argument_begin|>"

_ID = re.compile(r"(?:functions\.)?(.+?)(?::[0-9]+)?")


class Kimi(Sectioned):
    """An id may be just the name; then the call gets one of ours."""

    name = "kimi"
    call_starts = (SECTION_BEGIN, CALL_BEGIN)
    other_markers = (ARGUMENTS, CALL_END, SECTION_END)
    section_begin, section_end = SECTION_BEGIN, SECTION_END
    call_begin, call_end = CALL_BEGIN, CALL_END

    def recognizes(self, template_source: str) -> bool:
        return SECTION_BEGIN in template_source or "tool_declare<|im_middle|>" in template_source

    def _read_call(self, reader: Reader, calls: Calls) -> Steps[None]:
        call_id = (yield from reader.whole_before(ARGUMENTS, max_length=MAX_HEADER_LENGTH)).strip()
        yield from reader.take(ARGUMENTS)
        found = _ID.fullmatch(call_id)
        if not found:
            raise Broken
        yield calls.start(found[1], call_id if call_id != found[1] else "")
        reader.commit()
        yield from read_arguments(reader, calls)

    def grammar(self, tools: Sequence[Tool], parallel: bool, mark: Mark) -> str:
        def start(tool: Tool) -> str:
            return f"{mark(CALL_BEGIN)} {literal(f'functions.{tool.name}:')} /[0-9]{{1,3}}/ {mark(ARGUMENTS)}"

        calls = several("tool_call", "", parallel)
        return (
            f"tool_calls: {mark(SECTION_BEGIN)} {calls} {mark(SECTION_END)}\n{call_rules(tools, start, mark(CALL_END))}"
        )
