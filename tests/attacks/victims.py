"""The clients that must not notice an attack: one asks again and again, one reads a stream.

Nothing here measures time to fail by it: an attack is withstood if requests are answered while it goes on, in order and
by one worker all along. The worst pause is kept for who wants to look at it.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.conformance.slow_client import STORY, RawStream
from tests.live_server import PATIENCE_SECONDS, LiveServer

NUM_PROBES = 40
"""Requests that must be answered while an attack goes on."""

TALE = {**STORY, "max_tokens": 200}
"""What to ask for a stream that lasts for seconds."""


class Prober:
    """Asks one small thing after the other on a connection of its own."""

    def __init__(self, server: LiveServer, path: str = "/healthz") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
        self._path = path
        self.worst_seconds = 0.0

    def ask(self) -> None:
        started = time.monotonic()
        self._connection.request("GET", self._path)
        response = self._connection.getresponse()
        body = response.read()
        self.worst_seconds = max(self.worst_seconds, time.monotonic() - started)
        assert response.status == 200, body

    def close(self) -> None:
        self._connection.close()


class Attack:
    """Does `once` again and again, on as many threads, until it is stopped; `num_rounds` says how often it was done."""

    def __init__(self, once: Callable[[], object], num_threads: int = 1) -> None:
        self._once = once
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(num_threads)]
        self.num_rounds = 0

    def __enter__(self) -> Attack:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._once()
            except OSError:
                pass  # the server has had enough of this connection
            self.num_rounds += 1


def is_withstood(server: LiveServer, attack: Attack, num_probes: int = NUM_PROBES) -> float:
    """Whether requests are answered while the attack goes on; returns the worst pause in seconds."""
    prober = Prober(server)
    for _ in range(num_probes):
        prober.ask()
    while not attack.num_rounds:  # so that there was an attack at all
        prober.ask()
    prober.close()
    return prober.worst_seconds


@contextmanager
def undisturbed(server: LiveServer, stream_body: dict[str, Any] | None = None) -> Iterator[None]:
    """Afterwards the same workers must be there, and a stream that was begun before must be whole."""
    workers = {worker.pid for worker in server.workers}
    if stream_body is None:
        yield
    else:
        with RawStream(server, stream_body) as stream:
            stream.read_until(b"data: {")
            yield
            stream.read_until(b"data: [DONE]")
            documents = list(stream.documents())
            assert documents[-1]["choices"][0]["finish_reason"] == "length"
            assert "error" not in json.dumps(documents)
    assert {worker.pid for worker in server.workers} == workers
