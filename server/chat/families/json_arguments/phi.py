"""`<|tool_call|>[{"name": ..., "arguments": {...}}]<|/tool_call|>`, or `functools[...]`: Phi-4-mini."""

from __future__ import annotations

from server.chat.calls.marked_json import MarkedJson


class Phi(MarkedJson):
    """Its template shows tools only, between `<|tool|>` and `<|/tool|>`; both ways are read."""

    name = "phi"
    call_starts = ("<|tool_call|>", "functools[")
    call_ends = ("<|/tool_call|>",)
    array = ("[", "]")
    separator = ", "

    def recognizes(self, template_source: str) -> bool:
        return "<|tool|>" in template_source and "<|/tool|>" in template_source
