"""Connections of attackers: bytes in, bytes out."""

from __future__ import annotations

import socket

from tests.live_server import PATIENCE_SECONDS, LiveServer


def connect(server: LiveServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_SECONDS)


def read_to_end(connection: socket.socket) -> bytes:
    """All that comes until the server closes; what a reset takes away is gone."""
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except ConnectionError:
        pass
    return received


def exchange(server: LiveServer, data: bytes) -> bytes:
    """The answers to some bytes, after which nothing more is sent."""
    with connect(server) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return read_to_end(connection)


def status_of(answer: bytes) -> int:
    """The status of the first answer; 0 if there is none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0
