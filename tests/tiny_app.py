"""A small application for tests of the processes around it: streams of known length, no models."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import gevent
from flask import Flask, Response

from server.api import health
from server.api.services import EXTENSION
from server.http import draining

TICK_SECONDS = 0.05

app = Flask(__name__)
app.register_blueprint(health.blueprint)
app.extensions[EXTENSION] = SimpleNamespace(engines=[], settings=SimpleNamespace(auth="off"))


@app.get("/stream/<int:num_ticks>")
def get_stream(num_ticks: int) -> Response:
    """Ends by itself after so many ticks, or with other last words when the worker has to end."""
    return Response(_ticks(num_ticks), content_type="text/plain")


@app.get("/deaf-stream")
def get_deaf_stream() -> Response:
    """Never ends by itself, whatever the worker wants."""
    return Response(_deaf_ticks(), content_type="text/plain")


def _ticks(num_ticks: int) -> Iterator[bytes]:
    for _ in range(num_ticks):
        yield b"tick\n"
        if draining.deadline_event.wait(TICK_SECONDS):
            yield b"cut short\n"
            return
    yield b"complete\n"


def _deaf_ticks() -> Iterator[bytes]:
    while True:
        yield b"tick\n"
        gevent.sleep(TICK_SECONDS)
