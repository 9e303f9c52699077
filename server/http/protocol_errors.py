"""Answers to what never became a request: a broken request line, headers too large, no place for a connection.

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


RETRY_AFTER_SECONDS = 1


@dataclass(frozen=True)
class ProtocolError:
    """One such answer."""

    status: HTTPStatus
    message: str
    request_id: str
    code: str | None = None
    can_retry: bool = False

    @classmethod
    def of(cls, error: BaseException) -> ProtocolError:
        """The answer to what `error` says about the bytes of a client, or about us."""
        status = next((status for kind, status in _STATUSES if isinstance(error, kind)), None)
        request_id = _new_id()
        if status is None or status == HTTPStatus.INTERNAL_SERVER_ERROR:
            message = f"The server failed on this request. Its log says more under the request id {request_id}."
            return cls(HTTPStatus.INTERNAL_SERVER_ERROR, message, request_id)
        return cls(status, f"This is not a valid HTTP request. {str(error)[:MAX_ECHO]}", request_id)

    @classmethod
    def too_slow(cls, seconds: float) -> ProtocolError:
        """The answer to a client that begins a request and does not go on."""
        message = f"The request's headers did not arrive within {seconds:g} seconds."
        return cls(HTTPStatus.REQUEST_TIMEOUT, message, _new_id(), "request_timeout")

    @classmethod
    def too_many_connections(cls, *, of_one_address: bool) -> ProtocolError:
        """The answer on a connection that there is no place for."""
        whose, status = (
            ("Your address has", HTTPStatus.TOO_MANY_REQUESTS)
            if of_one_address
            else ("The server has", HTTPStatus.SERVICE_UNAVAILABLE)
        )
        message = f"{whose} too many connections open, all of them in use. Please retry later."
        return cls(status, message, _new_id(), "too_many_connections", can_retry=True)

    @property
    def is_ours(self) -> bool:
        return self.status == HTTPStatus.INTERNAL_SERVER_ERROR

    @property
    def body(self) -> bytes:
        """OpenAI's error object."""
        kind, code = ("server_error", "internal_error") if self.is_ours else ("invalid_request_error", self.code)
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
            "X-Content-Type-Options: nosniff\r\n"
            f"{self._retry_after}"
            "\r\n"
        )
        return head.encode("latin-1") + self.body

    @property
    def _retry_after(self) -> str:
        return f"Retry-After: {RETRY_AFTER_SECONDS}\r\n" if self.can_retry else ""


def _new_id() -> str:
    return f"req_{secrets.token_hex(16)}"
