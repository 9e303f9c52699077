"""scripts/bench: what came over a connection is read as what it was, however it was cut and wherever it ended."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scripts.benchmarks.asking.answers import Answer, dechunk, read_answer
from scripts.benchmarks.asking.client import Raw

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
USAGE = {"completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 7}}


def event(document: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def chunk_of(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


def delta(text: str, finish_reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}]}


STREAM = [
    event(delta("")),
    b": ping\n\n",
    event(delta("Hel")),
    event(delta("lo")),
    event(delta("", "stop")),
    event({"choices": [], "usage": USAGE}),
    b"data: [DONE]\n\n",
]


def answer_of(*pieces: bytes, has_left: bool = False) -> Answer:
    """The answer whose pieces came at 1, 2, 3, ... seconds."""
    timed = tuple((float(number), piece) for number, piece in enumerate(pieces, 1))
    return read_answer(Raw(0.5, timed, float(len(pieces)), has_left))


def test_a_stream_gives_text_times_usage_and_its_end() -> None:
    answer = answer_of(HEAD, *map(chunk_of, STREAM), b"0\r\n\r\n")
    assert (answer.status, answer.text, answer.finish_reason, answer.is_done) == (200, "Hello", "stop", True)
    assert answer.arrivals == (4.0, 5.0)
    assert answer.ttft_seconds == 3.5
    assert answer.itl_seconds == [1.0]
    assert (answer.num_tokens, answer.num_cached_tokens) == (2, 7)
    assert answer.error is None


@pytest.mark.parametrize("size", [1, 2, 7, 50])
def test_where_the_network_cuts_a_stream_does_not_matter(size: int) -> None:
    data = HEAD + b"".join(map(chunk_of, STREAM)) + b"0\r\n\r\n"
    answer = answer_of(*(data[start : start + size] for start in range(0, len(data), size)))
    assert (answer.text, answer.finish_reason, answer.is_done, answer.num_tokens) == ("Hello", "stop", True, 2)


def test_several_events_in_one_chunk_are_all_read() -> None:
    answer = answer_of(HEAD + chunk_of(b"".join(STREAM)))
    assert answer.text == "Hello"
    assert answer.arrivals == (1.0, 1.0)


def test_a_stream_that_breaks_off_shows_what_came_and_no_end() -> None:
    answer = answer_of(HEAD, *map(chunk_of, STREAM[:3]), chunk_of(STREAM[3])[:20], has_left=True)
    assert (answer.text, answer.finish_reason, answer.is_done, answer.has_left) == ("Hel", None, False, True)
    assert answer.num_tokens == 1


def test_an_error_in_the_middle_of_a_stream_is_seen() -> None:
    answer = answer_of(HEAD, chunk_of(STREAM[2]), chunk_of(event({"error": {"message": "gone"}})))
    assert answer.error == {"message": "gone"}


def test_a_whole_answer_arrives_when_its_last_byte_does() -> None:
    body = json.dumps({"choices": [{"text": "Hello", "finish_reason": "length"}], "usage": USAGE}).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    answer = answer_of(head + body[:9], body[9:])
    assert (answer.text, answer.finish_reason, answer.arrivals, answer.num_tokens) == ("Hello", "length", (2.0,), 2)


def test_a_refusal_has_its_status_its_headers_and_its_error() -> None:
    body = json.dumps({"error": {"message": "busy"}}).encode()
    answer = answer_of(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\n\r\n" + body)
    assert (answer.status, answer.headers["retry-after"], answer.error) == (429, "3", {"message": "busy"})


@pytest.mark.parametrize("pieces", [(), (b"HTTP/1.1 200",)])
def test_a_connection_that_closes_before_the_head_has_no_status(pieces: tuple[bytes, ...]) -> None:
    assert answer_of(*pieces).status is None


def test_a_body_that_is_not_json_gives_the_status_alone() -> None:
    answer = answer_of(b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html>")
    assert (answer.status, answer.text, answer.error) == (502, "", None)


def test_chunks_carry_the_time_of_their_last_byte() -> None:
    assert list(dechunk([(1.0, b"3\r\nab"), (2.0, b"c\r\n2;x=y\r\nde\r\n0\r\n\r\n")])) == [
        (2.0, b"abc"),
        (2.0, b"de"),
        (2.0, b""),
    ]
