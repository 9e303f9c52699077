"""What went wrong, in OpenAI's form: the body of an error, and the event that ends a stream."""

from __future__ import annotations

import msgspec


class ErrorObject(msgspec.Struct, frozen=True, kw_only=True):
    """An error: `param` is its place in the request, `code` a word for programs.

    `response_id` is there if another response is in the way.
    """

    message: str
    type: str
    param: str | None
    code: str | None
    response_id: str | msgspec.UnsetType = msgspec.UNSET


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """The error of an answer, and nothing else."""

    error: ErrorObject
