"""Watching a client's connection, on a pair of sockets."""

from __future__ import annotations

import os
from collections.abc import Iterator

import gevent
import pytest
from gevent import socket
from gevent.event import Event

from server.http.client_watch import ClientWatch

PATIENCE_SECONDS = 60


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    mine, theirs = socket.socketpair()
    with mine, theirs:
        yield mine, theirs


def watch_of(connection: socket.socket) -> tuple[ClientWatch, Event]:
    watch, has_left = ClientWatch({"gunicorn.socket": connection}), Event()
    watch.start(has_left.set)
    return watch, has_left


def test_a_client_that_leaves_is_noticed(pair: tuple[socket.socket, socket.socket]) -> None:
    mine, theirs = pair
    watch, has_left = watch_of(mine)
    theirs.close()
    assert has_left.wait(PATIENCE_SECONDS)
    watch.stop()


def test_the_next_request_is_no_farewell_and_stays_to_be_read(pair: tuple[socket.socket, socket.socket]) -> None:
    mine, theirs = pair
    watch, has_left = watch_of(mine)
    theirs.sendall(b"GET /")
    gevent.socket.wait_read(mine.fileno())
    gevent.sleep(0.01)
    assert not has_left.is_set()
    watch.stop()
    assert mine.recv(5) == b"GET /"


def test_a_stopped_watch_notices_nothing(pair: tuple[socket.socket, socket.socket]) -> None:
    mine, theirs = pair
    watch, has_left = watch_of(mine)
    watch.stop()
    watch.stop()
    theirs.close()
    gevent.sleep(0.01)
    assert not has_left.is_set()


def test_a_watched_connection_is_closed_at_once(pair: tuple[socket.socket, socket.socket]) -> None:
    mine, _ = pair
    watch, _ = watch_of(mine)
    gevent.sleep(0)
    number = mine.fileno()
    watch.stop()
    mine.close()
    gevent.sleep(0)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)
