from __future__ import annotations

import itertools
from collections.abc import Iterable
from io import BytesIO, RawIOBase

import gevent
import pytest
from flask import Flask, Request, Response
from gunicorn.config import Config
from gunicorn.http.parser import RequestParser
from werkzeug.test import EnvironBuilder

from server.errors.tree import InvalidRequest, Overloaded, PayloadTooLarge, RequestTimeout
from server.http import body as limits
from server.http.body import read_body, read_json_body
from server.http.body_memory import BodyMemory


def request_with(stream: object, length: int | None, content_type: str = "application/json") -> Request:
    """As gunicorn hands a request to the app: the input ends by itself, whether it is chunked or not."""
    environ = EnvironBuilder(method="POST", content_type=content_type).get_environ()
    environ.update({"wsgi.input": stream, "wsgi.input_terminated": True})
    environ["CONTENT_LENGTH"] = "" if length is None else str(length)
    if length is None:
        environ["HTTP_TRANSFER_ENCODING"] = "chunked"
    return Request(environ)


def chunked_request(pieces: Iterable[bytes]) -> Request:
    """With gunicorn's own reader of chunked bodies behind it."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    parser = RequestParser(Config(), itertools.chain([head], pieces), ("127.0.0.1", 1))
    return request_with(next(parser).body, None)


def in_chunks(body: bytes, size: int = 7) -> list[bytes]:
    pieces = (body[start : start + size] for start in range(0, len(body), size))
    return [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces] + [b"0\r\n\r\n"]


class Stalled(RawIOBase):
    """A client that sends nothing more."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        gevent.sleep(3600)
        return 0


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", "text/plain", ""])
def test_json_is_read_whatever_the_content_type_says(content_type: str) -> None:
    body = b'{"a": 1}'
    assert read_json_body(request_with(BytesIO(body), len(body), content_type), 100, 30) == {"a": 1}


def test_a_chunked_body_is_read_whole() -> None:
    body = b'{"a": "' + b"x" * 1000 + b'"}'
    assert read_json_body(chunked_request(in_chunks(body)), len(body), 30) == {"a": "x" * 1000}


@pytest.mark.parametrize("excess", [0, 1])
def test_a_body_of_exactly_the_limit_is_the_largest(excess: int) -> None:
    body = b"x" * (100 + excess)
    for request in (request_with(BytesIO(body), len(body)), chunked_request(in_chunks(body))):
        if excess:
            with pytest.raises(PayloadTooLarge, match="at most 100 bytes"):
                read_body(request, 100, 30)
        else:
            assert read_body(request, 100, 30) == body


def test_a_body_that_is_too_long_is_not_read_to_its_end() -> None:
    source = BytesIO(b"x" * 100_000)
    with pytest.raises(PayloadTooLarge):
        read_body(request_with(source, 100_000), 100, 30)
    assert source.tell() == 0
    num_chunks = 0

    def endless() -> Iterable[bytes]:
        nonlocal num_chunks
        while True:
            num_chunks += 1
            yield b"a\r\n0123456789\r\n"

    with pytest.raises(PayloadTooLarge):
        read_body(chunked_request(endless()), 1000, 30)
    assert num_chunks < 2 * limits.PIECE_BYTES / 10


def test_bodies_count_in_memory_until_their_requests_are_answered() -> None:
    memory = BodyMemory(1000)
    app = Flask(__name__)
    with app.test_request_context():
        read_body(request_with(BytesIO(b"x" * 400), 400), 1000, 30, memory)
        assert memory.num_bytes == 400
        with pytest.raises(Overloaded):
            read_body(request_with(BytesIO(b"x" * 400), 400), 1000, 30, memory)
        read_body(request_with(BytesIO(b"x" * 200), 200), 1000, 30, memory)
        app.process_response(Response()).close()
    assert memory.num_bytes == 0


def test_a_body_that_does_not_arrive_times_out() -> None:
    with pytest.raises(RequestTimeout, match=r"within 0\.05 seconds") as caught:
        read_body(request_with(Stalled(), 100), 100, 0.05)
    assert caught.value.status == 408


def test_a_body_that_ends_early_is_refused_with_both_numbers() -> None:
    with pytest.raises(InvalidRequest, match="after 8 of the 50 bytes"):
        read_body(request_with(BytesIO(b'{"a": 1}'), 50), 100, 30)


@pytest.mark.parametrize("pieces", [[b"zz\r\n"], [b"5\r\n12345XX"], [b"0\r\nbad trailer\r\n\r\n"], [b"5\r\n123"], []])
def test_a_malformed_chunked_body_is_the_clients_mistake(pieces: list[bytes]) -> None:
    with pytest.raises(InvalidRequest):
        read_json_body(chunked_request(pieces), 100, 30)


def test_no_body_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="is empty"):
        read_json_body(request_with(BytesIO(), 0), 100, 30)
