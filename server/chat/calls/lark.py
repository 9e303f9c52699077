"""Words of llguidance's Lark that the families' grammars are made of. It knows no format."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from server.chat.calls.schema import call_schema, json_rule
from server.chat.tools import Tool

MAX_CALLS = 16
"""In one constrained answer: enough for everybody, and a bad model comes to an end."""


def literal(text: str) -> str:
    """A string that is that text."""
    return json.dumps(text, ensure_ascii=True)


def spelled(text: str, markers: Sequence[str], mark: Callable[[str], str]) -> str:
    """The text with `mark` of each of the markers in it."""
    pieces = re.split(f"({'|'.join(map(re.escape, markers))})", text)
    return " ".join(mark(piece) if piece in markers else literal(piece) for piece in pieces if piece)


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


def member_rules(name: str, members: Sequence[tuple[str, bool]], separator: str) -> str:
    """A rule: members in their order, each a rule and whether it must be there, with the separator between them."""
    rules = [f"{name}: {name}_first_0\n"]
    for i, (member, is_required) in enumerate(members):
        skipped_first = "" if is_required else f" | {name}_first_{i + 1}"
        skipped = "" if is_required else f" | {name}_next_{i + 1}"
        rules.append(f"{name}_first_{i}: {member} {name}_next_{i + 1}{skipped_first}\n")
        rules.append(f"{name}_next_{i}: {literal(separator)} {member} {name}_next_{i + 1}{skipped}\n")
    return "".join(rules) + f'{name}_first_{len(members)}: ""\n{name}_next_{len(members)}: ""\n'


def text_rule(name: str, end: str, markers: Sequence[str], mark: Callable[[str], str]) -> str:
    """A rule: any text, and `end` that ends it, which may have markers in it."""
    controls = [marker for marker in markers if marker in end and not mark(marker).startswith('"')]
    control = min(controls, key=end.index, default=None)
    if control is None:
        return f"{name}[suffix={literal(end)}]: /(?s:.*)/\n"
    before, _, after = end.partition(control)
    pattern = re.escape(before).replace("/", "\\/")
    behind = spelled(after, markers, mark)
    return f"{name}: {name.upper()} {mark(control)} {behind}\n{name.upper()}: /(?s:.*){pattern}/\n"
