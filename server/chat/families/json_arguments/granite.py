"""`<|tool_call|>[{"name": ..., "arguments": {...}}]`: Granite 3. Nothing ends the array but its bracket."""

from __future__ import annotations

from server.chat.calls.marked_json import MarkedJson


class Granite(MarkedJson):
    """3.1 writes `<tool_call>` at times."""

    name = "granite"
    call_starts = ("<|tool_call|>", "<tool_call>")
    array = ("[", "]")
    separator = ", "

    def recognizes(self, template_source: str) -> bool:
        return "<|start_of_role|>" in template_source and "<|tool_call|>" in template_source
