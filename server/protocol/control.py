"""What the supervisor can be asked at its control socket: one JSON line each way.

    {"verb": "list"}                                    how all models are
    {"verb": "load", "model": "m", "device": "cpu"}     load it, and keep at it until there is another order
    {"verb": "unload", "model": "m", "force": true}     unload it; forced, without waiting for its answers
    {"verb": "want", "model": "m"}                      load it for this connection, and answer when that is done
    {"verb": "come back", "model": "m"}                 on such a connection: it goes, but will be back soon

The answer of `load` and `unload` comes at once, that of `want` when the model is ready or has failed; whoever hangs up
before does not want it any more. This module knows sockets and shapes; it does not know what a model's life looks like.
"""

from __future__ import annotations

import socket
from pathlib import Path
from types import TracebackType
from typing import Literal

import msgspec

from server.protocol.model_options import Device
from server.protocol.runtime import ModelStatus

MAX_LINE_BYTES = 1 << 16
"""Most bytes of an order."""

Code = Literal["", "model_not_found", "model_not_ready", "model_not_loaded", "model_too_large", "invalid_order"]
"""Why an order was refused; empty if it was not."""


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the supervisor is told to do."""

    verb: Literal["list", "load", "unload", "want", "come back"]
    model: str = ""
    """Id of the model; no alias."""
    device: Device | None = None
    """Where to compute it; None is where it was computed last, or as it is configured."""
    force: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the supervisor says to an order."""

    models: dict[str, ModelStatus] = {}
    """All models, or the one that the order names."""
    code: Code = ""
    message: str = ""
    """Sentence for people: why it was refused."""


class NoSupervisor(Exception):
    """Nobody listens at the control socket: the supervisor is starting, or has died and is being replaced."""


class ControlConnection:
    """A connection to the supervisor; a context manager.

    Raises:
        NoSupervisor: here and in all calls, if it is not there or goes away.
    """

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._rest = b""
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise NoSupervisor from error

    def __enter__(self) -> ControlConnection:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._socket.close()

    def ask(self, order: Order) -> Answer:
        """The answer to an order; waits for it."""
        self.send(order)
        return self.receive()

    def send(self, order: Order) -> None:
        """Give an order."""
        try:
            self._socket.sendall(msgspec.json.encode(order) + b"\n")
        except OSError as error:
            raise NoSupervisor from error

    def receive(self) -> Answer:
        """The next answer; waits for it."""
        while b"\n" not in self._rest:
            try:
                data = self._socket.recv(1 << 16)
            except OSError as error:
                raise NoSupervisor from error
            if not data:
                raise NoSupervisor
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return msgspec.json.decode(line, type=Answer)


def ask(path: Path, order: Order) -> Answer:
    """The supervisor's answer to one order. Raises NoSupervisor."""
    with ControlConnection(path) as connection:
        return connection.ask(order)
