"""`<tool_call>{"name": ..., "arguments": {...}}</tool_call>`: Hermes, Qwen 2.5 and 3, Granite 4 and many more."""

from __future__ import annotations

from server.chat.calls.marked_json import MarkedJson


class Hermes(MarkedJson):
    """Each call between markers of its own."""

    name = "hermes"
    call_starts = ("<tool_call>",)
    call_ends = ("</tool_call>",)
    space = "\n"
    separator = "\n"

    def recognizes(self, template_source: str) -> bool:
        return "<tool_call>" in template_source
