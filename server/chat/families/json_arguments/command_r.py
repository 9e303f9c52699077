"""Lists of `{"tool_name": ..., "parameters": {...}}`: Command R in a fence, R7B and A between control tokens."""

from __future__ import annotations

from collections.abc import Sequence

from server.chat.calls.calls import Calls
from server.chat.calls.family import Mark
from server.chat.calls.json_calls import CallKeys, json_call_rules, read_json_calls
from server.chat.calls.lark import literal, several
from server.chat.calls.marked_json import MarkedJson
from server.chat.calls.reader import Reader, Steps
from server.chat.tools import Tool


class CommandR7B(MarkedJson):
    """`<|START_ACTION|>[{"tool_call_id": "0", ...}]<|END_ACTION|>`. Ids are new, not its numbers."""

    name = "command-r7b"
    call_starts = ("<|START_ACTION|>",)
    call_ends = ("<|END_ACTION|>",)
    keys = CallKeys("tool_name", "parameters", number="tool_call_id")
    array = ("[\n    ", "\n]")
    separator = ",\n    "

    def recognizes(self, template_source: str) -> bool:
        return "<|START_ACTION|>" in template_source


class CommandR(MarkedJson):
    """`Action:`, then a fence of JSON. Its `directly_answer` is no tool of the request's, and so stays text."""

    name = "command-r"
    call_starts = ("Action:",)
    call_ends = ("```",)
    keys = CallKeys("tool_name", "parameters")

    @property
    def markers(self) -> tuple[str, ...]:
        return ()

    def recognizes(self, template_source: str) -> bool:
        return "Action:" in template_source and "```json" in template_source and "tool_name" in template_source

    def _read(self, reader: Reader, calls: Calls) -> Steps[None]:
        yield from reader.take("Action:")
        yield from reader.space()
        yield from reader.take("```json")
        yield from reader.space()
        yield from read_json_calls(reader, calls, self.keys)
        yield from reader.take_closing("```")

    def grammar(self, tools: Sequence[Tool], parallel: bool, mark: Mark) -> str:
        calls = several("tool_call", literal(",\n    "), parallel)
        start, end = literal("Action: ```json\n[\n    "), literal("\n]```")
        return f"tool_calls: {start} {calls} {end}\n{json_call_rules(tools, self.keys)}"
