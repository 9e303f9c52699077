"""How a worker ends, and what it answers to rubbish. A real gunicorn with a tiny application."""

from __future__ import annotations

import http.client
import json
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.live_server import PATIENCE_SECONDS, alive, wait_until
from tests.processes import FakeServer

Start = Callable[..., FakeServer]

FOREVER = 1_000_000
LONG_ENOUGH_TO_FAIL_THE_TEST = 3600


@pytest.fixture
def start() -> Iterator[Start]:
    servers: list[FakeServer] = []

    def start(**settings: Any) -> FakeServer:
        servers.append(FakeServer(**settings))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.__exit__()


class Client:
    """One keep-alive connection."""

    def __init__(self, server: FakeServer) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
        self._responses: list[http.client.HTTPResponse] = []

    def open(self, path: str) -> http.client.HTTPResponse:
        """The response, of which only the first line has been read, so that it is certainly under way."""
        self.connection.request("GET", path)
        response = self.connection.getresponse()
        self._responses.append(response)
        assert response.status == 200
        assert response.readline()
        return response

    def close(self) -> None:
        for response in self._responses:
            response.close()
        self.connection.close()


Connect = Callable[[FakeServer], Client]


@pytest.fixture
def connect() -> Iterator[Connect]:
    clients: list[Client] = []

    def connect(server: FakeServer) -> Client:
        clients.append(Client(server))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


def refuses(server: FakeServer) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port)).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass  # The listener closed between the connection's two packets; the next is refused.
    return False


# --- stopping -------------------------------------------------------------------------------------------------------


def test_a_running_answer_is_finished_after_sigterm(start: Start, connect: Connect) -> None:
    server = start()
    response = connect(server).open("/stream/40")
    server.master.send_signal(signal.SIGTERM)
    assert response.read().endswith(b"tick\ncomplete\n")
    assert server.stop() == 0


def test_an_answer_that_takes_too_long_gets_to_say_its_last_words(start: Start, connect: Connect) -> None:
    server = start(graceful_timeout_seconds=3)
    response = connect(server).open(f"/stream/{FOREVER}")
    assert server.stop() == 0
    assert response.read().endswith(b"tick\ncut short\n")
    assert "SIGKILL" not in server.log


def test_an_answer_that_does_not_listen_is_cut_off_before_the_master_kills(start: Start, connect: Connect) -> None:
    server = start(graceful_timeout_seconds=3)
    response = connect(server).open("/deaf-stream")
    assert server.stop() == 0
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        response.read()
    assert "gives up 1 connections" in server.log
    assert "SIGKILL" not in server.log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_an_impatient_stop_lets_answers_say_their_last_words_at_once(
    start: Start, connect: Connect, number: signal.Signals
) -> None:
    server = start(graceful_timeout_seconds=LONG_ENOUGH_TO_FAIL_THE_TEST)
    response = connect(server).open(f"/stream/{FOREVER}")
    assert server.stop(number) == 0
    assert response.read().endswith(b"tick\ncut short\n")


def test_patience_may_end_during_a_stop(start: Start, connect: Connect) -> None:
    server = start(graceful_timeout_seconds=LONG_ENOUGH_TO_FAIL_THE_TEST)
    response = connect(server).open(f"/stream/{FOREVER}")
    server.master.send_signal(signal.SIGTERM)
    wait_until(lambda: refuses(server), "the end of the listener")
    assert server.stop(signal.SIGINT) == 0
    assert response.read().endswith(b"tick\ncut short\n")


def test_idle_connections_do_not_delay_a_stop(start: Start, connect: Connect) -> None:
    server = start(graceful_timeout_seconds=LONG_ENOUGH_TO_FAIL_THE_TEST)
    used, fresh = connect(server), connect(server)
    used.open("/stream/1").read()
    fresh.connection.connect()
    assert server.stop() == 0


def test_a_connection_whose_answer_ends_during_a_stop_is_closed(start: Start, connect: Connect) -> None:
    server = start(graceful_timeout_seconds=LONG_ENOUGH_TO_FAIL_THE_TEST)
    client = connect(server)
    response = client.open("/stream/40")
    assert server.stop() == 0
    assert response.read().endswith(b"complete\n")


def test_while_answers_are_finished_nobody_new_gets_in_and_the_engines_stay(start: Start, connect: Connect) -> None:
    server = start(graceful_timeout_seconds=LONG_ENOUGH_TO_FAIL_THE_TEST)
    engines = server.engines
    response = connect(server).open(f"/stream/{FOREVER}")
    server.master.send_signal(signal.SIGTERM)
    wait_until(lambda: refuses(server), "the end of the listener")
    assert response.readline() == b"tick\n"
    assert alive(engines) == engines
    server.stop(signal.SIGQUIT)


def test_answers_end_properly_when_the_master_is_killed(start: Start, connect: Connect) -> None:
    server = start()
    response = connect(server).open(f"/stream/{FOREVER}")
    server.master.kill()
    assert response.read().endswith(b"tick\ncut short\n")


def test_a_reload_lets_running_answers_finish(start: Start, connect: Connect) -> None:
    server = start(graceful_timeout_seconds=LONG_ENOUGH_TO_FAIL_THE_TEST)
    old = server.workers
    response = connect(server).open("/stream/60")
    server.master.send_signal(signal.SIGHUP)
    wait_until(lambda: [worker for worker in alive(server.workers) if worker not in old], "a new worker")
    assert response.read().endswith(b"complete\n")
    wait_until(lambda: not alive(old), "the end of the old worker")


# --- what is no request ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    server = FakeServer()
    with server:
        yield server


def exchange(server: FakeServer, data: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (names in lower case) and body of the answer to raw bytes; the server closes after it."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(data)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    status_line, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(status_line.split()[1]), headers, body


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"HELLO\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 9000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: rot13, chunked\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n", 417),
    ],
)
def test_what_is_no_request_gets_an_error_body_like_any_other(server: FakeServer, data: bytes, status: int) -> None:
    actual_status, headers, body = exchange(server, data)
    assert actual_status == status
    assert headers["content-type"] == "application/json"
    assert headers["x-request-id"].startswith("req_")
    error = json.loads(body)["error"]
    assert error["type"] == "invalid_request_error"
    assert error["message"].startswith("This is not a valid HTTP request. ")
    assert set(error) == {"message", "type", "param", "code"}


def test_a_client_that_says_nothing_valid_for_long_still_reads_its_answer(server: FakeServer) -> None:
    status, _, _ = exchange(server, b"GET / HTTP/1.1\r\nA: " + b"x" * 60_000 + b"\r\n\r\n")
    assert status == 431


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("path", ["/nowhere", "/healthz"])
def test_a_client_that_is_not_asked_for_its_large_body_reads_why(
    server: FakeServer, path: str, is_chunked: bool
) -> None:
    size = 8_000_000
    framing = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {size}"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{framing}\r\n\r\n".encode()
    body = b"x" * size
    status, headers, _ = exchange(server, head + (b"%x\r\n%b\r\n0\r\n\r\n" % (size, body) if is_chunked else body))
    assert status == {"/nowhere": 404, "/healthz": 405}[path]
    assert headers["connection"] == "close"


def test_rubbish_does_not_hurt_the_worker(server: FakeServer) -> None:
    for _ in range(50):
        exchange(server, b"\x00\xff\r\n\r\n")
    assert server.is_ready()
    assert "Traceback" not in server.log


def test_tls_is_refused_with_advice(tmp_path: object) -> None:
    server = FakeServer()
    server._command += ["--certfile", __file__, "--keyfile", __file__]
    with pytest.raises(AssertionError, match="put a proxy"):
        server.start()
    server.data_dir.cleanup()
