"""The functions that a model may call."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, replace
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

    @property
    def as_shown(self) -> dict[str, Any]:
        """As chat templates expect it."""
        described = {} if self.description is None else {"description": self.description}
        return {"type": "function", "function": {"name": self.name, **described, "parameters": self.parameters}}


@dataclass(frozen=True)
class ToolUse:
    """What a model may or must call in one answer; without tools nothing."""

    tools: tuple[Tool, ...] = ()
    must_call: bool = False
    parallel: bool = True
    """Whether it may call more than once."""

    @property
    def is_exact(self) -> bool:
        """Whether more is promised than that calls are what the model makes of them."""
        return not self.parallel or any(tool.is_strict for tool in self.tools)

    @property
    def one_at_a_time(self) -> ToolUse:
        """The same with one call an answer: models that were never taught to call would go on and on."""
        return replace(self, parallel=False)


NO_TOOLS = ToolUse()


def new_call_id() -> str:
    """An id as OpenAI makes them, for a call in a format that has none of its own."""
    return "call_" + "".join(secrets.choice(_LETTERS) for _ in range(_ID_LENGTH))
