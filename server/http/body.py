"""Reading a request's body within bounds of size and time.

What the bytes mean is `server.http.strict_json`'s business. This module does not look at the Content-Type: whoever
posts JSON is understood, so `curl -d` works although it says that it sends a form.
"""

from __future__ import annotations

import contextlib
from typing import Any

import gevent
from flask import Request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from server.errors.tree import InvalidRequest, PayloadTooLarge, RequestTimeout
from server.http.strict_json import decode_object


def read_json_body(request: Request, max_bytes: int, timeout_seconds: float) -> dict[str, Any]:
    """The JSON object that a request carries.

    Raises PayloadTooLarge, RequestTimeout or InvalidRequest, whose `param` names the place where there is one.
    """
    return decode_object(read_body(request, max_bytes, timeout_seconds))


MAX_DISCARDED_BYTES = 64 << 20
MAX_DISCARD_SECONDS = 5.0
"""How much of a body that is too long is read all the same, and for how long: a client that is still sending when the
connection closes sees a reset instead of our answer."""

DISCARD_CHUNK_BYTES = 1 << 16


def read_body(request: Request, max_bytes: int, timeout_seconds: float) -> bytes:
    """The whole body, at most `max_bytes` of it; a longer one is refused.

    `timeout_seconds` bounds the whole read, since gunicorn waits for a body for ever. It needs gevent's sockets.
    """
    # One byte more than is accepted: werkzeug cuts a chunked body off at its limit without a word.
    request.max_content_length = max_bytes + 1
    try:
        with gevent.Timeout(timeout_seconds, RequestTimeout(timeout_seconds)):
            body = request.get_data(cache=False)
    except RequestEntityTooLarge:
        _discard_rest(request)
        raise PayloadTooLarge(max_bytes) from None
    except ClientDisconnected:
        raise InvalidRequest("The client left before its request body was complete.") from None
    except ParseException as error:
        raise InvalidRequest(f"The chunked request body is malformed: {error}") from None
    if len(body) > max_bytes:
        _discard_rest(request)
        raise PayloadTooLarge(max_bytes)
    if request.content_length is not None and len(body) < request.content_length:
        raise InvalidRequest(
            f"The request body ended after {len(body)} of the {request.content_length} bytes that were announced."
        )
    return body


def _discard_rest(request: Request) -> None:
    source = request.environ["wsgi.input"]
    num_left = MAX_DISCARDED_BYTES
    with gevent.Timeout(MAX_DISCARD_SECONDS, False), contextlib.suppress(ParseException, OSError):
        while num_left > 0 and (data := source.read(DISCARD_CHUNK_BYTES)):
            num_left -= len(data)
