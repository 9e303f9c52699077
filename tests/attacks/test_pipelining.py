"""A client that sends requests faster than they are answered, and never waits for an answer."""

from __future__ import annotations

import socket
import threading

from tests.attacks.raw import connect, exchange, read_to_end
from tests.attacks.victims import TALE, Attack, is_withstood, undisturbed
from tests.live_server import LiveServer

REQUEST = b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"
NUM_AT_ONCE = 1000


def pipeline(server: LiveServer) -> None:
    """Sends many requests at once and reads what comes, so that nothing but the worker itself is in the way."""
    with connect(server) as connection:
        reader = threading.Thread(target=read_to_end, args=(connection,))
        reader.start()
        try:
            connection.sendall(REQUEST * NUM_AT_ONCE)
            connection.shutdown(socket.SHUT_WR)
        finally:
            reader.join()


def test_others_are_answered_while_one_pipelines(victim: LiveServer) -> None:
    with undisturbed(victim, TALE), Attack(lambda: pipeline(victim), num_threads=2) as attack:
        is_withstood(victim, attack)


def test_others_are_answered_while_one_pipelines_without_a_key(locked: LiveServer) -> None:
    with undisturbed(locked), Attack(lambda: pipeline(locked)) as attack:
        is_withstood(locked, attack)


def test_pipelined_requests_are_all_answered_in_order(victim: LiveServer) -> None:
    paths = [f"/nowhere/{number}" for number in range(50)]
    requests = [f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for path in paths]
    answers = exchange(victim, b"".join(requests)).split(b"HTTP/1.1 ")[1:]
    assert len(answers) == len(paths)
    for path, answer in zip(paths, answers, strict=True):
        assert answer.startswith(b"404")
        assert f"GET {path}.".encode() in answer
