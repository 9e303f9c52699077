"""Public ids: OpenAI's prefixes, then the time in milliseconds and randomness, so that ids sort by age."""

from __future__ import annotations

import secrets
import time

ITEM_PREFIXES = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "reasoning": "rs",
    "compaction": "cmp",
}
OTHER_ITEM_PREFIX = "item"

_TIME_DIGITS = 12
_RANDOM_BYTES = 18


def new_id(prefix: str) -> str:
    """A new id, such as `conv_019c2f6ab3d1` followed by 36 more digits."""
    milliseconds = time.time_ns() // 1_000_000
    return f"{prefix}_{milliseconds:0{_TIME_DIGITS}x}{secrets.token_hex(_RANDOM_BYTES)}"


def item_prefix(item_type: str) -> str:
    return ITEM_PREFIXES.get(item_type, OTHER_ITEM_PREFIX)
