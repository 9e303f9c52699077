"""What an error looks like on the wire: each dialect of the API has a body of its own.

The tree of errors is one. Which dialect answers a request is said by its blueprint, see `server.errors.handlers`.
"""

from __future__ import annotations

from collections.abc import Callable

from server.errors.tree import ParleyError

Dialect = Callable[[ParleyError], object]
"""Makes the JSON body for an error."""


def openai_body(error: ParleyError) -> dict[str, dict[str, str | None]]:
    """OpenAI's error object."""
    return {
        "error": {"message": error.message, "type": error.type, "param": error.param, "code": error.code},
    }
