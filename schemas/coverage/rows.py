"""What a row of the coverage table says. It does not know the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from schemas.coverage.neutral import IsNeutral, never

Status = Literal["done", "tolerated", "refused", "not yet"]

JSONType = Literal["string", "integer", "boolean", "array", "object"]


@dataclass(frozen=True)
class Parameter:
    """A field of a request's body; "a.b" is the field b of the object a.

    Done: honoured. Tolerated: accepted and without effect, if it is of its type. Refused: a 400 with its name, unless
    the value is neutral.
    """

    name: str
    status: Status
    note: str = ""
    is_neutral: IsNeutral = never
    is_extra: bool = False
    """Not in OpenAI's API."""
    json_type: JSONType | None = None
    """What a tolerated parameter has to be; of others the schemas know more."""


@dataclass(frozen=True)
class Endpoint:
    """A method and a path below the server's root."""

    method: str
    path: str
    status: Status
    note: str = ""
    is_extra: bool = False
    """Not in OpenAI's API."""
    is_alias: bool = False
    """Another path to what `/v1` below it answers, body and answer alike."""
