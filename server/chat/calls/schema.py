"""The schema that constrains a call's arguments: exact for strict functions, as close as possible for the others."""

from __future__ import annotations

import json
from typing import Any

from server.chat.tools import Tool

COMPACT = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""llguidance's options for white space as Python's json has it, and no other."""


def call_schema(tool: Tool) -> dict[str, Any]:
    """What stands behind `%json` for a call of this function, with llguidance's options in "x-guidance".

    White space is JSON's own (", " and ": "), so that no output is endless white space. For a function that is not
    strict, keywords that llguidance cannot enforce are passed over; for a strict one they make the grammar invalid.
    """
    return {**tool.parameters, "x-guidance": {**COMPACT, "lenient": not tool.is_strict}}


def json_rule(schema: Any) -> str:
    """`%json` for a schema, as a grammar's rule may have it."""
    return "%json " + json.dumps(schema, ensure_ascii=True)
