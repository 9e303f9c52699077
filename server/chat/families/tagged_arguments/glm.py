"""`<tool_call>name<arg_key>key</arg_key><arg_value>value</arg_value></tool_call>`: GLM 4.5 and later."""

from __future__ import annotations

from server.chat.calls.tagged import Tagged
from server.chat.calls.tagged_grammar import Tags


class Glm(Tagged):
    """A name ends with its line, with the first key, or with the call."""

    name = "glm"
    call_starts = ("<tool_call>",)
    tags = Tags(
        call_start="<tool_call>",
        call_end="</tool_call>",
        function_start="",
        name_ends=("\n", "<arg_key>", "</tool_call>"),
        function_end="",
        key_start="<arg_key>",
        key_ends=("</arg_key>",),
        value_start="<arg_value>",
        value_end="</arg_value>",
        value_start_space="\n",
    )

    @property
    def markers(self) -> tuple[str, ...]:
        tags = self.tags
        return (*super().markers, tags.key_start, *tags.key_ends, tags.value_start, tags.value_end)

    def recognizes(self, template_source: str) -> bool:
        return "<arg_key>" in template_source
