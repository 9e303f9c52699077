"""What an error looks like on the wire: each dialect of the API has a body of its own.

The tree of errors is one. Which dialect answers a request is said by its blueprint, see `server.errors.handlers`.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from schemas.objects.errors import ErrorBody, ErrorObject
from server.errors.tree import ConversationBusy, ParleyError

Dialect = Callable[[ParleyError], object]
"""Makes the JSON body for an error."""


def openai_body(error: ParleyError) -> ErrorBody:
    """OpenAI's error object."""
    told = ErrorObject(message=error.message, type=error.type, param=error.param, code=error.code)
    if isinstance(error, ConversationBusy):
        told = msgspec.structs.replace(told, response_id=error.response_id)
    return ErrorBody(error=told)
