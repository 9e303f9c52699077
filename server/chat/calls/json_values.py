"""JSON that goes to clients: only what every parser takes, in text that can be encoded."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def loads(text: str) -> Any:
    """The value; raises ValueError for what is no JSON, NaN and the like included, and RecursionError."""
    return json.loads(text, parse_constant=_refuse)


def dumps(value: Any) -> str:
    """Text of the value, characters as they are except for halves of surrogate pairs, which cannot be encoded.

    Raises ValueError for NaN and the like, TypeError for what JSON does not have, and RecursionError.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text if is_encodable(text) else json.dumps(value, ensure_ascii=True, allow_nan=False)


def is_encodable(text: str) -> bool:
    """Whether there are no halves of surrogate pairs in it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
