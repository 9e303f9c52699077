"""`<invoke name="..."><parameter name="..." string="true">...`, every tag with DSML in it: DeepSeek V3.2.

V4 calls the tag around them all otherwise.
"""

from __future__ import annotations

from dataclasses import replace

from server.chat.calls.tagged import Tagged
from server.chat.calls.tagged_grammar import Tags

MARK = "\uff5cDSML\uff5c"


class DeepSeekV32(Tagged):
    """A parameter says itself whether it is a string."""

    name = "deepseek-v3.2"
    call_starts = (f"<{MARK}function_calls>",)
    tags = Tags(
        call_start=f"<{MARK}function_calls>",
        call_end=f"</{MARK}function_calls>",
        function_start=f'<{MARK}invoke name="',
        name_ends=('">',),
        function_end=f"</{MARK}invoke>",
        key_start=f'<{MARK}parameter name="',
        key_ends=('" string="true">', '" string="false">'),
        text_key_ends=('" string="true">',),
        value_end=f"</{MARK}parameter>",
        is_shared=True,
    )

    @property
    def markers(self) -> tuple[str, ...]:
        return (MARK,)

    def recognizes(self, template_source: str) -> bool:
        return MARK in template_source and "function_calls>" in template_source


class DeepSeekV4(DeepSeekV32):
    """The same between `tool_calls`."""

    name = "deepseek-v4"
    call_starts = (f"<{MARK}tool_calls>",)
    tags = replace(
        DeepSeekV32.tags,
        call_start=f"<{MARK}tool_calls>",
        call_end=f"</{MARK}tool_calls>",
    )

    def recognizes(self, template_source: str) -> bool:
        return MARK in template_source and "tool_calls>" in template_source
