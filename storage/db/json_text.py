"""JSON as text in the database: what comes out is what went in, order of keys and white space in texts included.

The JSON types of the databases would sort keys, and with them change the prompt that a tool's schema makes.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec


def encode(value: object) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except OverflowError:
        # Integers beyond 64 bits are JSON too.
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def decode(text: str) -> Any:
    return msgspec.json.decode(text)
