"""The functions that a model may call."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_LETTERS = string.ascii_letters + string.digits
_ID_LENGTH = 24


@dataclass(frozen=True)
class Tool:
    """A function, as OpenAI's API describes one."""

    name: str
    """Letters, digits, _ and -; at most 64."""
    parameters: Mapping[str, Any]
    """The JSON schema of the arguments: that of an object."""
    description: str | None = None
    is_strict: bool = False
    """Whether arguments must validate against `parameters`, whoever chose to call."""


def new_call_id() -> str:
    """An id as OpenAI makes them, for a call in a format that has none of its own."""
    return "call_" + "".join(secrets.choice(_LETTERS) for _ in range(_ID_LENGTH))
