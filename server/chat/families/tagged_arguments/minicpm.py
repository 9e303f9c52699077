"""`<function name="..."><param name="key">value</param></function>`: MiniCPM5.

A value with `<`, `&` or a line break stands in `<![CDATA[...]]>`. What tags cannot promise is forced as Hermes' JSON.
"""

from __future__ import annotations

from server.chat.calls.tagged import Tagged
from server.chat.calls.tagged_grammar import Tags


class MiniCpm(Tagged):
    """Nothing stands around a function."""

    name = "minicpm"
    call_starts = ('<function name="', "<tool_call>")
    tags = Tags(
        call_start="",
        call_end="",
        function_start='<function name="',
        name_ends=('">',),
        function_end="</function>",
        key_start='<param name="',
        key_ends=('">',),
        value_end="</param>",
        name_space="",
        argument_space="",
        call_space="",
        separator="\n",
        json_start="<tool_call>",
        json_end="</tool_call>",
        has_cdata=True,
    )

    @property
    def markers(self) -> tuple[str, ...]:
        return ("<function", "</function>", "<param", "</param>", "<tool_call>", "</tool_call>")

    def recognizes(self, template_source: str) -> bool:
        return '<function name="' in template_source and '<param name="' in template_source
