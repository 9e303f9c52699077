"""`<tool_calls>[{"name": ..., "arguments": {...}}]</tool_calls>`: Hunyuan and Jamba; MiniMax-M1 without brackets."""

from __future__ import annotations

from server.chat.calls.marked_json import MarkedJson


class Hunyuan(MarkedJson):
    """All calls in one array; lines of objects are read as well."""

    name = "hunyuan"
    call_starts = ("<tool_calls>",)
    call_ends = ("</tool_calls>",)
    array = ("[", "]")
    separator = ", "

    def recognizes(self, template_source: str) -> bool:
        return "<tool_calls>" in template_source
