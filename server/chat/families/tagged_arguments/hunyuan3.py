"""`<tool_call>name<tool_sep><arg_key>key</arg_key><arg_value>value</arg_value></tool_call>`: Hunyuan Hy3.

All calls stand between `<tool_calls>` and `</tool_calls>`. Every tag is a control token with a suffix.
"""

from __future__ import annotations

from server.chat.calls.tagged import Tagged
from server.chat.calls.tagged_grammar import Tags


def _tag(name: str) -> str:
    """The suffix is that of the published weights."""
    return f"<{name}:opensource>"


class Hunyuan3(Tagged):
    """A model that forgets `<tool_calls>` begins with `<tool_call>`."""

    name = "hunyuan-3"
    call_starts = (_tag("tool_calls"), _tag("tool_call"))
    tags = Tags(
        call_start=_tag("tool_calls"),
        call_end=_tag("/tool_calls"),
        function_start=_tag("tool_call"),
        name_ends=(_tag("tool_sep"), _tag("arg_key"), _tag("/tool_call")),
        function_end=_tag("/tool_call"),
        key_start=_tag("arg_key"),
        key_ends=(_tag("/arg_key"),),
        value_start=_tag("arg_value"),
        value_end=_tag("/arg_value"),
        value_start_space="\n",
        is_shared=True,
    )

    @property
    def markers(self) -> tuple[str, ...]:
        tags = self.tags
        values = (tags.key_start, *tags.key_ends, tags.value_start, tags.value_end)
        return (*super().markers, tags.function_start, *tags.name_ends[:1], tags.function_end, *values)

    def recognizes(self, template_source: str) -> bool:
        return "tool_sep" in template_source and ":opensource" in template_source
