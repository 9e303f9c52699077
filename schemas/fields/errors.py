"""What is wrong with a request, and where: marshmallow's nested messages as one sentence and a path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow.exceptions import SCHEMA

MAX_SHOWN = 60
"""Characters of a bad value, or of a key, that a message repeats at most."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, as a predicate about the field: "must be an integer, got 5.7"."""

    message: str
    code: str


class SchemaError(Exception):
    """The first problem of a request. `param` is its place, such as "messages[0].content"; `code` is OpenAI's."""

    def __init__(self, message: str, param: str | None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code


def first_problem(messages: Mapping[str, Any]) -> SchemaError:
    """The first of marshmallow's error messages, which nest as the document does."""
    param = ""
    found: Any = messages
    while not isinstance(found, Problem):
        if isinstance(found, Mapping):
            key, found = next(iter(found.items()))
            param += _step(key)
        else:
            found = next(problem for problem in found if isinstance(problem, Problem))
    param = param.lstrip(".")
    return SchemaError(f"'{param}' {found.message}.", param, found.code)


def _step(key: str | int) -> str:
    if key == SCHEMA:
        return ""
    return f"[{key}]" if isinstance(key, int) else f".{shortened(key)}"


def shortened(text: str) -> str:
    """A client's own text, short enough to be repeated to it."""
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "..."
