"""`<tool_call><function=name><parameter=key>value</parameter></function></tool_call>`: Qwen3-Coder, Qwen 3.5, Step.

Seed-OSS writes the same between other markers.
"""

from __future__ import annotations

from dataclasses import replace

from server.chat.calls.tagged import Tagged
from server.chat.calls.tagged_grammar import Tags


class QwenCoder(Tagged):
    """The outer tags are often forgotten."""

    name = "qwen-coder"
    call_starts = ("<tool_call>", "<function=")
    tags = Tags(
        call_start="<tool_call>",
        call_end="</tool_call>",
        function_start="<function=",
        name_ends=(">",),
        function_end="</function>",
        key_start="<parameter=",
        key_ends=(">",),
        value_end="</parameter>",
        value_space="\n",
    )

    def recognizes(self, template_source: str) -> bool:
        return "<function=" in template_source and "<parameter=" in template_source


class SeedOss(QwenCoder):
    """The markers are the model's own."""

    name = "seed-oss"
    call_starts = ("<seed:tool_call>", "<function=")
    tags = replace(QwenCoder.tags, call_start="<seed:tool_call>", call_end="</seed:tool_call>", value_space="")

    def recognizes(self, template_source: str) -> bool:
        return "<seed:tool_call>" in template_source
