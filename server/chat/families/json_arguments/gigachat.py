"""`{"name": ..., "arguments": {...}}` as a turn of its own: GigaChat 3 calls it `function call`, 3.1 marks it.

A template shows the first of an answer's calls only, so there is one call at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

from server.chat.calls.calls import Calls
from server.chat.calls.family import Mark
from server.chat.calls.json_calls import json_call_rules, read_json_calls
from server.chat.calls.lark import spelled
from server.chat.calls.opened import OpenedFamily
from server.chat.calls.reader import Reader, Steps
from server.chat.tools import Tool

ROLE_END, TURN_END = "<|role_sep|>", "<|message_sep|>"


class GigaChat31(OpenedFamily):
    """`<|function_call|>{...}<|message_sep|>`."""

    name = "gigachat-3.1"
    call_starts: tuple[str, ...] = ("<|function_call|>",)
    opening = "<|function_call|>"
    """What the grammar begins a call with."""

    @property
    def markers(self) -> tuple[str, ...]:
        return (*self.call_starts, TURN_END)

    def recognizes(self, template_source: str) -> bool:
        return self.opening in template_source and ROLE_END in template_source

    def _read(self, reader: Reader, calls: Calls) -> Steps[None]:
        yield from reader.take(*self.call_starts)
        yield from reader.space()
        yield from read_json_calls(reader, calls)
        yield from reader.take_closing(TURN_END)

    def grammar(self, tools: Sequence[Tool], parallel: bool, mark: Mark) -> str:
        return f"tool_calls: {spelled(self.opening, self.markers, mark)} tool_call\n{json_call_rules(tools)}"


class GigaChat3(GigaChat31):
    """The turn of the answer may be ended first; a forced call has no answer in front of it whose turn would end."""

    name = "gigachat-3"
    opening = f"function call{ROLE_END}\n"
    call_starts = (f"{TURN_END}\n\nfunction call{ROLE_END}", f"function call{ROLE_END}")

    @property
    def markers(self) -> tuple[str, ...]:
        return (ROLE_END, TURN_END)

    def recognizes(self, template_source: str) -> bool:
        return "'function call'" in template_source and ROLE_END in template_source
