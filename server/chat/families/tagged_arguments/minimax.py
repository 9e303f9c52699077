"""`<minimax:tool_call><invoke name="..."><parameter name="key">value</parameter></invoke>`: MiniMax-M2."""

from __future__ import annotations

from server.chat.calls.tagged import Tagged
from server.chat.calls.tagged_grammar import Tags


class MiniMax(Tagged):
    """Several functions may stand between one pair of markers."""

    name = "minimax"
    call_starts = ("<minimax:tool_call>",)
    tags = Tags(
        call_start="<minimax:tool_call>",
        call_end="</minimax:tool_call>",
        function_start='<invoke name="',
        name_ends=('">',),
        function_end="</invoke>",
        key_start='<parameter name="',
        key_ends=('">',),
        value_end="</parameter>",
        is_shared=True,
    )

    def recognizes(self, template_source: str) -> bool:
        return "<minimax:tool_call>" in template_source
