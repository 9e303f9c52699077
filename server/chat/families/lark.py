"""Words of llguidance's Lark that the families' grammars are made of. It knows no format."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from server.chat.families.schema import call_schema, json_rule
from server.chat.tools import Tool

MAX_CALLS = 16
"""In one constrained answer: enough for everybody, and a bad model comes to an end."""


def literal(text: str) -> str:
    """A string that is that text."""
    return json.dumps(text, ensure_ascii=True)


def several(call: str, separator: str, parallel: bool) -> str:
    """One of `call`, or if `parallel` up to MAX_CALLS with the separator, both being expressions."""
    return f"{call} ({separator} {call}){{0,{MAX_CALLS - 1}}}" if parallel else call


def call_rules(tools: Sequence[Tool], start: Callable[[Tool], str], end: str = "") -> str:
    """A rule `tool_call`: what `start` says of one of the tools, its arguments as JSON, then `end`; all expressions."""
    rules = [f"tool_call: {' | '.join(f'tool_call_{i}' for i in range(len(tools)))}\n"]
    for i, tool in enumerate(tools):
        rules.append(f"tool_call_{i}: {start(tool)} tool_arguments_{i} {end}\n")
        rules.append(f"tool_arguments_{i}: {json_rule(call_schema(tool))}\n")
    return "".join(rules)
