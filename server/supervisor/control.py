"""The supervisor's side of the control socket: takes orders, hands them to the models, answers when there is an answer.

Nothing here ever waits: the supervisor's loop calls what this registers with its selector. It knows
`server.protocol.control`; what a model does about an order is the model's business.
"""

from __future__ import annotations

import logging
import selectors
import socket
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from server.protocol.control import MAX_LINE_BYTES, Answer, Code, Order
from server.supervisor.watched_model import WatchedModel

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 4096
"""Most connections at once; each request that waits for a model has one."""

DONE_WITH = frozenset({"ready", "failed", "unloaded", "stopped"})
"""States in which nobody has to wait any longer."""


class _Client:
    """One connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.received = b""
        self.unsent = b""
        self.awaited: WatchedModel | None = None
        """The model that it waits for."""


class Control:
    """The control socket and its connections."""

    def __init__(self, models: Sequence[WatchedModel], selector: selectors.BaseSelector) -> None:
        """The data of what it registers with `selector` are functions to call."""
        self._models = models
        self._selector = selector
        self._clients: set[_Client] = set()

    def listen(self, path: Path) -> None:
        """Take connections from now on. Without a socket, all goes on but for the orders."""
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(path))
        except OSError as error:
            logger.error("no orders can be taken: %s", error)
            listener.close()
            return
        listener.listen(128)
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ, lambda: self._accept(listener))

    def answer_waiting(self) -> None:
        """Answer those who wait for models that are ready or have failed."""
        for client in self._clients:
            if client.awaited and client.awaited.status.state in DONE_WITH:
                model, client.awaited = client.awaited, None
                model.forget(client, time.monotonic())
                self._reply(client, _outcome(model))

    # --- connections ----------------------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        try:
            sock, _ = listener.accept()
        except OSError as error:  # it has gone already, or there are too many open files
            logger.debug("a connection is not taken: %s", error)
            return
        if len(self._clients) >= MAX_CONNECTIONS:
            sock.close()
            return
        sock.setblocking(False)
        client = _Client(sock)
        self._clients.add(client)
        self._selector.register(sock, selectors.EVENT_READ, lambda: self._attend(client))

    def _attend(self, client: _Client) -> None:
        self._send(client)
        self._read(client, time.monotonic())

    def _read(self, client: _Client, now: float) -> None:
        try:
            data = client.socket.recv(MAX_LINE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        *lines, client.received = (client.received + data).split(b"\n")
        for line in lines:
            self._obey(client, line, now)
        if not data or len(client.received) > MAX_LINE_BYTES:
            self._drop(client, now)

    def _drop(self, client: _Client, now: float) -> None:
        self._clients.remove(client)
        self._selector.unregister(client.socket)
        client.socket.close()
        if client.awaited:
            client.awaited.forget(client, now)

    def _send(self, client: _Client) -> None:
        try:
            client.unsent = client.unsent[client.socket.send(client.unsent) :] if client.unsent else b""
        except BlockingIOError:
            pass
        except OSError:
            client.unsent = b""  # that it is gone is read at its end
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.unsent else 0)
        if self._selector.get_key(client.socket).events != events:
            self._selector.modify(client.socket, events, lambda: self._attend(client))

    def _reply(self, client: _Client, answer: Answer) -> None:
        client.unsent += msgspec.json.encode(answer) + b"\n"
        self._send(client)

    # --- orders ---------------------------------------------------------------------------------------------------

    def _obey(self, client: _Client, line: bytes, now: float) -> None:
        try:
            order = msgspec.json.decode(line, type=Order)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            self._reply(client, Answer(code="invalid_order", message=str(error)))
            return
        if order.verb == "list":
            self._reply(client, Answer(models={model.config.model_id: model.status for model in self._models}))
            return
        model = next((model for model in self._models if model.config.model_id == order.model), None)
        if model is None:
            self._reply(client, Answer(code="model_not_found", message=f"there is no model {order.model!r}"))
        else:
            self._obey_for(client, order, model, now)

    def _obey_for(self, client: _Client, order: Order, model: WatchedModel, now: float) -> None:
        match order.verb:
            case "want":
                self._want(client, model, now)
                return
            case "come back":
                model.expect(client, now)
                client.awaited = None
            case "load":
                model.load(now, order.device)
            case "unload":
                model.unload(now, force=order.force)
        self._reply(client, _answer(model))

    def _want(self, client: _Client, model: WatchedModel, now: float) -> None:
        if model.status.load == "manual" and model.status.state in ("unloaded", "unloading"):
            self._reply(client, _answer(model, "model_not_loaded", "it is loaded only when somebody says so"))
            return
        client.awaited = model
        model.want(client, now)


def _outcome(model: WatchedModel) -> Answer:
    """What is said to somebody who has waited."""
    status = model.status
    if status.state == "ready":
        return _answer(model)
    code: Code = "model_too_large" if model.is_too_large else "model_not_ready"
    return _answer(model, code, status.message or f"it is {status.state}")


def _answer(model: WatchedModel, code: Code = "", message: str = "") -> Answer:
    return Answer(models={model.config.model_id: model.status}, code=code, message=message)
