"""Bytes and headers: what frontends read without an SDK."""

from __future__ import annotations

import json
import socket
import ssl
from typing import Any

import pytest

from tests.live_server import LiveServer

PATH = "/v1/chat/completions"
BODY: dict[str, Any] = {
    "messages": [{"role": "user", "content": "Capital of France?"}],
    "temperature": 0,
    "max_tokens": 5,
}


def raw_post(server: LiveServer, path: str, body: dict[str, Any]) -> tuple[str, bytes]:
    """Header block and decoded chunked body of a POST on a connection of its own."""
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head.encode() + data)
        answer = b""
        while received := connection.recv(65536):
            answer += received
    headers, _, chunked = answer.partition(b"\r\n\r\n")
    decoded = b""
    while chunked:
        size, _, chunked = chunked.partition(b"\r\n")
        decoded += chunked[: int(size, 16)]
        chunked = chunked[int(size, 16) + 2 :]
    return headers.decode().lower(), decoded


def test_a_stream_is_only_data_lines_and_comments_and_ends_with_done(server: LiveServer) -> None:
    headers, body = raw_post(server, PATH, {**BODY, "stream": True})
    assert headers.startswith("http/1.1 200")
    assert "\r\ncontent-type: text/event-stream" in headers
    assert "\r\ncache-control: no-cache" in headers
    assert "\r\nx-request-id: req_" in headers
    assert "\r\nopenai-processing-ms: " in headers
    events = body.decode().split("\n\n")
    assert events.pop() == ""
    assert all(event.startswith(("data: ", ": ")) and "\n" not in event for event in events)
    assert events[-1] == "data: [DONE]"
    chunks = [json.loads(event[6:]) for event in events[:-1] if event.startswith("data: ")]
    assert chunks[0]["choices"] == [
        {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}
    ]
    assert chunks[-1]["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "length"}]
    assert all(len(chunk["choices"]) == 1 and "usage" not in chunk for chunk in chunks)


@pytest.mark.parametrize(
    ("path", "body"), [(PATH, BODY), ("/v1/completions", {"prompt": "Hi", "max_tokens": 3, "echo": True})]
)
def test_a_stream_with_usage_has_a_null_in_the_other_chunks(
    server: LiveServer, path: str, body: dict[str, Any]
) -> None:
    _, events = raw_post(server, path, {**body, "stream": True, "stream_options": {"include_usage": True}})
    chunks = [json.loads(line[6:]) for line in events.decode().split("\n\n") if line.startswith("data: {")]
    assert [chunk["usage"] is None for chunk in chunks] == [True] * (len(chunks) - 1) + [False]
    assert chunks[-1]["choices"] == []


def test_llama_servers_paths_without_v1_are_the_same(server: LiveServer) -> None:
    for path in ("/models", "/models/SmolLM2-135M-Instruct"):
        assert server.get(path)[:2] == server.get(f"/v1{path}")[:2]
    status, answer, _ = server.post("/chat/completions", BODY)
    assert (status, answer["object"]) == (200, "chat.completion")
    refused = [server.post(path, {"input": "a"})[:2] for path in ("/embeddings", "/v1/embeddings")]
    assert refused[0] == refused[1]
    assert refused[0][0] == 400
    assert raw_post(server, "/chat/completions", {**BODY, "stream": True})[1].endswith(b"data: [DONE]\n\n")


def check_timings(timings: dict[str, Any], usage: dict[str, Any]) -> None:
    """They fit the usage and each other."""
    cached = usage["prompt_tokens_details"]["cached_tokens"]
    assert (timings["cache_n"], timings["prompt_n"]) == (cached, usage["prompt_tokens"] - cached)
    assert timings["predicted_n"] == usage["completion_tokens"]
    for name in ("prompt", "predicted"):
        count, milliseconds = timings[f"{name}_n"], timings[f"{name}_ms"]
        assert milliseconds > 0
        assert timings[f"{name}_per_token_ms"] == pytest.approx(milliseconds / count)
        assert timings[f"{name}_per_second"] == pytest.approx(count / milliseconds * 1000)


@pytest.mark.parametrize(("path", "asked"), [(PATH, BODY), ("/v1/completions", {"prompt": "Hello", "max_tokens": 8})])
@pytest.mark.parametrize("n", [1, 2])
def test_a_whole_answer_and_the_last_chunk_have_llama_servers_timings(
    server: LiveServer, n: int, path: str, asked: dict[str, Any]
) -> None:
    body = {**asked, "n": n, "seed": 1}
    server.post(path, body)  # from now on, as much of the prompt is cached each time
    answer = server.post(path, body)[1]
    check_timings(answer["timings"], answer["usage"])
    for options in ({}, {"stream_options": {"include_usage": True}}):
        _, events = raw_post(server, path, {**body, **options, "stream": True})
        chunks = [json.loads(line[6:]) for line in events.decode().split("\n\n") if line.startswith("data: {")]
        assert ["timings" in chunk for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
        check_timings(chunks[-1]["timings"], chunks[-1].get("usage") or answer["usage"])


def test_every_answer_carries_a_request_id_of_its_own(server: LiveServer) -> None:
    ids = {server.get(path)[2]["x-request-id"] for path in ("/healthz", "/v1/models", "/nowhere", "/v1/models/nothing")}
    assert len(ids) == 4
    assert all(request_id.startswith("req_") for request_id in ids)
    assert int(server.get("/v1/models")[2]["openai-processing-ms"]) >= 0


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/nowhere", None, 404, "unknown_url"),
        ("GET", "/v1/nowhere", None, 404, "unknown_url"),
        ("GET", "/v1//models", None, 404, "unknown_url"),
        ("GET", PATH, None, 405, "method_not_supported"),
        ("DELETE", "/v1/models", None, 405, "method_not_supported"),
        ("POST", PATH, b"{", 400, None),
        ("POST", PATH, b"", 400, None),
        ("POST", PATH, b"[]", 400, None),
        ("POST", PATH, b'{"messages": "\xff"}', 400, None),
        ("POST", PATH, b'{"temperature": NaN}', 400, None),
        ("POST", PATH, b"x" * 1_100_000, 413, "request_too_large"),
    ],
)
def test_every_error_is_openais(
    server: LiveServer, method: str, path: str, body: bytes | None, status: int, code: str | None
) -> None:
    answered, answer, headers = server.request(method, path, body)
    assert answered == status
    assert set(answer) == {"error"}
    assert set(answer["error"]) == {"message", "type", "param", "code"}
    assert answer["error"]["code"] == code
    assert answer["error"]["message"]
    assert headers["content-type"] == "application/json"


def test_curl_posts_json_although_it_says_form(server: LiveServer) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert server.request("POST", PATH, json.dumps(BODY).encode(), headers)[0] == 200


def test_a_browser_may_ask_from_anywhere(server: LiveServer) -> None:
    preflight = {
        "Origin": "http://frontend.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type, x-stainless-lang, x-api-key",
    }
    status, _, headers = server.request("OPTIONS", PATH, headers=preflight)
    assert status in (200, 204)
    assert headers["access-control-allow-origin"] in ("*", "http://frontend.example")
    allowed = headers["access-control-allow-headers"].lower()
    assert all(name in allowed for name in ("authorization", "content-type", "x-stainless-lang", "x-api-key"))
    _, _, headers = server.request("GET", "/v1/models", headers={"Origin": "http://frontend.example"})
    assert "x-request-id" in headers["access-control-expose-headers"].lower()


def test_a_broken_request_line_gets_json_too(server: LiveServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"COMPLETE RUBBISH\r\n\r\n")
        answer = b""
        while received := connection.recv(65536):
            answer += received
    headers, _, body = answer.partition(b"\r\n\r\n")
    assert headers.startswith(b"HTTP/1.1 400")
    assert json.loads(body)["error"]["type"] == "invalid_request_error"


def test_a_client_that_speaks_tls_is_told_at_once(server: LiveServer) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection,
        pytest.raises(ssl.SSLError, match="WRONG_VERSION_NUMBER"),
    ):
        context.wrap_socket(connection)


def test_a_connection_that_brings_nothing_disturbs_nobody(server: LiveServer) -> None:
    for _ in range(20):
        socket.create_connection(("127.0.0.1", server.port)).close()
    assert server.request("GET", "/healthz")[0] == 200
