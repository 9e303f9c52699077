"""Reading a request's body within bounds of size and time.

What the bytes mean is `server.http.strict_json`'s business. This module does not look at the Content-Type: whoever
posts JSON is understood, so `curl -d` works although it says that it sends a form.
"""

from __future__ import annotations

from typing import Any

import gevent
from flask import Request
from gunicorn.http.errors import ParseException

from server.errors.tree import InvalidRequest, PayloadTooLarge, RequestTimeout
from server.http.body_memory import UNBOUNDED, BodyMemory, HeldMemory
from server.http.strict_json import decode_object


def read_json_body(
    request: Request, max_bytes: int, timeout_seconds: float, memory: BodyMemory = UNBOUNDED
) -> dict[str, Any]:
    """The JSON object that a request carries.

    Raises PayloadTooLarge, RequestTimeout, Overloaded, or InvalidRequest, whose `param` names the place where there is
    one.
    """
    return decode_object(read_body(request, max_bytes, timeout_seconds, memory))


PIECE_BYTES = 1 << 16
"""As much of a body is read at a time."""


def read_body(request: Request, max_bytes: int, timeout_seconds: float, memory: BodyMemory = UNBOUNDED) -> bytes:
    """The whole body, at most `max_bytes` of it; a longer one is refused, and the rest of it not read.

    `timeout_seconds` bounds the whole read, since gunicorn waits for a body for ever. It needs gevent's sockets. What
    is read counts in `memory` until the request has been answered.

    Raises Overloaded as well, if there is no memory for it.
    """
    if (request.content_length or 0) > max_bytes:
        raise PayloadTooLarge(max_bytes)
    try:
        with gevent.Timeout(timeout_seconds, RequestTimeout(timeout_seconds)):
            body = _read(request.environ["wsgi.input"], max_bytes, memory.hold_for_this_request())
    except ParseException as error:
        raise InvalidRequest(f"The chunked request body is malformed: {error}") from None
    except OSError:
        raise InvalidRequest("The client left before its request body was complete.") from None
    if request.content_length is not None and len(body) < request.content_length:
        raise InvalidRequest(
            f"The request body ended after {len(body)} of the {request.content_length} bytes that were announced."
        )
    return body


def _read(source: Any, max_bytes: int, held: HeldMemory) -> bytes:
    body = bytearray()
    while piece := source.read(PIECE_BYTES):
        body += piece
        if len(body) > max_bytes:
            raise PayloadTooLarge(max_bytes)
        held.grow(len(body))
    return bytes(body)
