"""`<TOOLCALL>[{"name": ..., "arguments": {...}}]</TOOLCALL>`: Nemotron Nano 2 and the Llama Nemotrons."""

from __future__ import annotations

from server.chat.calls.marked_json import MarkedJson


class Nemotron(MarkedJson):
    """All calls in one array."""

    name = "nemotron"
    call_starts = ("<TOOLCALL>",)
    call_ends = ("</TOOLCALL>",)
    array = ("[", "]")
    separator = ", "

    def recognizes(self, template_source: str) -> bool:
        return "<TOOLCALL>" in template_source
