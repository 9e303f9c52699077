"""Answers to what is no request: every way in which gunicorn's parser can fail has one."""

from __future__ import annotations

import inspect
import json

import msgspec
import pytest
from gunicorn.http import errors

from server.errors.dialects import openai_body
from server.errors.tree import InvalidRequest
from server.http.protocol_errors import MAX_ECHO, ProtocolError

PARSER_ERRORS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.ParseException)
    and "Response" not in kind.__name__
    # The one that is not about the request.
    and kind is not errors.ConfigurationProblem
]


def make(kind: type[Exception]) -> Exception:
    num_arguments = len(inspect.signature(kind).parameters) if kind.__init__ is not Exception.__init__ else 0
    return kind(*["x"] * num_arguments)


@pytest.mark.parametrize("kind", PARSER_ERRORS)
def test_a_fault_in_a_request_is_the_clients(kind: type[Exception]) -> None:
    error = ProtocolError.of(make(kind))
    assert 400 <= error.status <= 501
    assert error.status != 500
    assert not error.is_ours


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        (errors.LimitRequestLine(9000, 8190), 414),
        (errors.LimitRequestHeaders("limit request headers fields size"), 431),
        (errors.UnsupportedTransferCoding("rot13"), 501),
        (errors.ExpectationFailed("miracles"), 417),
        (errors.InvalidHeader("A: \x00"), 400),
        (errors.InvalidResponseHeader("A: \x00"), 500),
        (errors.ConfigurationProblem("x"), 500),
        (ValueError("a bug"), 500),
    ],
)
def test_the_status_says_what_was_wrong(cause: Exception, status: int) -> None:
    assert ProtocolError.of(cause).status == status


def test_the_response_is_complete_and_the_last_on_its_connection() -> None:
    error = ProtocolError.of(errors.InvalidRequestMethod("h\xe9llo"))
    head, _, body = error.response().partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 400 Bad Request"
    assert "Connection: close" in lines
    assert f"Content-Length: {len(body)}" in lines
    assert f"x-request-id: {error.request_id}" in lines


def test_the_body_has_the_same_form_as_any_other_error() -> None:
    error = ProtocolError.of(errors.InvalidRequestMethod("hello"))
    assert json.loads(error.body) == msgspec.to_builtins(openai_body(InvalidRequest(error.message)))


def test_our_own_faults_are_not_explained_to_clients() -> None:
    error = ProtocolError.of(ValueError("secret"))
    assert b"secret" not in error.body
    assert error.request_id in error.message
    assert json.loads(error.body)["error"]["type"] == "server_error"


def test_long_rubbish_is_not_repeated_in_full() -> None:
    error = ProtocolError.of(errors.InvalidHeader("x" * 100_000))
    assert len(error.message) < MAX_ECHO + 100
