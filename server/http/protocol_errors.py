"""Answers to what never became a request: a broken request line, headers too large, and the like.

gunicorn refuses these before any application sees them, with a page of HTML; clients of this API expect OpenAI's error
body. It knows gunicorn's exceptions and the bytes of a response, and no sockets.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from http import HTTPStatus

from gunicorn.http import errors

# The first class that fits counts. What is not listed is a fault of ours.
_STATUSES: tuple[tuple[type[BaseException], HTTPStatus], ...] = (
    (errors.InvalidResponseHeader, HTTPStatus.INTERNAL_SERVER_ERROR),
    (errors.InvalidResponseHeaderName, HTTPStatus.INTERNAL_SERVER_ERROR),
    (errors.ConfigurationProblem, HTTPStatus.INTERNAL_SERVER_ERROR),
    (errors.LimitRequestLine, HTTPStatus.REQUEST_URI_TOO_LONG),
    (errors.LimitRequestHeaders, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
    (errors.ExpectationFailed, HTTPStatus.EXPECTATION_FAILED),
    (errors.UnsupportedTransferCoding, HTTPStatus.NOT_IMPLEMENTED),
    (errors.ForbiddenProxyRequest, HTTPStatus.FORBIDDEN),
    (errors.ParseException, HTTPStatus.BAD_REQUEST),
)

MAX_ECHO = 200
"""Characters of what a client sent that a message repeats at most."""


TLS_HANDSHAKE = b"\x16"
"""The first byte of a client that speaks TLS (RFC 8446, section 5.1), and of no HTTP request."""


class TLSOnPlainPort(errors.ParseException):  # type: ignore[misc]
    """The client was given an address with https."""

    def __str__(self) -> str:
        return "It begins like TLS, but this port speaks plain HTTP: the address should begin with http://"


@dataclass(frozen=True)
class ProtocolError:
    """One such answer."""

    status: HTTPStatus
    message: str
    request_id: str

    @classmethod
    def of(cls, error: BaseException) -> ProtocolError:
        """The answer to what `error` says about the bytes of a client, or about us."""
        status = next((status for kind, status in _STATUSES if isinstance(error, kind)), None)
        request_id = f"req_{secrets.token_hex(16)}"
        if status is None or status == HTTPStatus.INTERNAL_SERVER_ERROR:
            message = f"The server failed on this request. Its log says more under the request id {request_id}."
            return cls(HTTPStatus.INTERNAL_SERVER_ERROR, message, request_id)
        return cls(status, f"This is not a valid HTTP request. {str(error)[:MAX_ECHO]}", request_id)

    @property
    def is_ours(self) -> bool:
        return self.status == HTTPStatus.INTERNAL_SERVER_ERROR

    @property
    def body(self) -> bytes:
        """OpenAI's error object."""
        kind, code = ("server_error", "internal_error") if self.is_ours else ("invalid_request_error", None)
        return json.dumps({"error": {"message": self.message, "type": kind, "param": None, "code": code}}).encode()

    def response(self) -> bytes:
        """The whole answer. The connection must be closed after it: where the next request starts is unknown."""
        head = (
            f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\n"
            "Connection: close\r\n"
            "Content-Type: application/json\r\n"
            f"Content-Length: {len(self.body)}\r\n"
            f"x-request-id: {self.request_id}\r\n"
            "openai-processing-ms: 0\r\n"
            "\r\n"
        )
        return head.encode("latin-1") + self.body
