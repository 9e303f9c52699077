"""Words of llguidance's Lark that the families' grammars are made of. It knows no format."""

from __future__ import annotations

import json

MAX_CALLS = 16
"""In one constrained answer: enough for everybody, and a bad model comes to an end."""


def literal(text: str) -> str:
    """A string that is that text."""
    return json.dumps(text, ensure_ascii=True)


def several(call: str, separator: str, parallel: bool) -> str:
    """One of `call`, or if `parallel` up to MAX_CALLS with the separator, both being expressions."""
    return f"{call} ({separator} {call}){{0,{MAX_CALLS - 1}}}" if parallel else call
