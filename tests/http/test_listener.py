"""Accepting connections, and giving up those whose clients read no more."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator

import pytest

from server.http.listener import close_when_unread

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux closes connections that are not read")


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        close_when_unread(sock, 0.5)
        yield sock


def test_a_client_that_reads_no_more_is_given_up(listening: socket.socket) -> None:
    client = socket.create_connection(listening.getsockname())
    with client, listening.accept()[0] as ours, pytest.raises(TimeoutError, match="timed out"):
        ours.sendall(bytes(1 << 26))


def test_a_client_that_reads_slowly_is_not(listening: socket.socket) -> None:
    with socket.create_connection(listening.getsockname()) as client, listening.accept()[0] as ours:
        ours.settimeout(0.1)
        num_sent = num_read = 0
        for _ in range(15):
            try:
                while True:
                    num_sent += ours.send(b"x" * 65_536)
            except TimeoutError:
                num_read += len(client.recv(1 << 22))
        assert num_sent > num_read > 0


def test_a_socket_of_the_file_system_is_left_alone() -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        close_when_unread(sock, 0.5)
