"""Server-sent events as the clients of OpenAI's API need them: `data:` lines, names of events, comments, nothing else.

An `id:`, a `retry:` or an event without data makes the openai client raise, so there are none. It knows bytes; it does
not know chunks or choices.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from flask import Response

PING = b": ping\n\n"
"""A comment: keeps proxies and clients from giving up on a silent stream."""

DONE = b"data: [DONE]\n\n"


def event(data: object) -> bytes:
    """One event with a JSON document as its data."""
    return b"data: " + msgspec.json.encode(data) + b"\n\n"


def named_event(name: str, data: object) -> bytes:
    """One event that also says its name outside of the data, as those of the Responses API do."""
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"


def stream_response(body: Iterator[bytes]) -> Response:
    """A response that streams `body`, unbuffered by caches and proxies on the way."""
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return Response(body, content_type="text/event-stream; charset=utf-8", headers=headers)
