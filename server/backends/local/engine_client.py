"""The gevent side of an engine's socket: requests out, events in, each to the queue of whom it concerns.

One client per model and gunicorn worker. It connects as soon as the engine listens and again whenever the engine comes
back; whoever waits for an engine that died is told at once. It knows frames and ids; it does not know models, prompts
or HTTP.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from pathlib import Path

import gevent
import msgspec
from gevent import socket
from gevent.event import Event
from gevent.lock import Semaphore
from gevent.queue import Empty, SimpleQueue

from server.protocol import messages
from server.protocol.framing import FrameReader, frame
from server.protocol.messages import (
    Cancel,
    Command,
    Embed,
    Failed,
    Finished,
    ModelCard,
    Question,
    ReadStats,
    Rejected,
    Stats,
    Submit,
    Tokens,
)

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 0.1
"""How often to look whether the engine listens, while it does not."""

RECEIVE_BYTES = 1 << 18

_events_decoder = msgspec.msgpack.Decoder(list[messages.Event])


class EngineGone:
    """Stands in a queue where an event would: the engine was lost, no event will follow."""


Arrival = messages.Event | EngineGone


class NotConnected(Exception):
    """The engine does not listen at present."""


class Ticket:
    """A submitted request. Its events arrive in the queue given to `submit`."""

    def __init__(self, client: EngineClient, request_id: int) -> None:
        self._client = client
        self.request_id = request_id

    def cancel(self) -> None:
        """No event is delivered from now on; harmless when the request is over."""
        self._client.cancel(self.request_id)


class _Pending:
    """A request whose last event has not arrived."""

    __slots__ = ("num_unfinished", "queue")

    def __init__(self, queue: SimpleQueue[Arrival], num_unfinished: int) -> None:
        self.queue = queue
        self.num_unfinished = num_unfinished


class EngineClient:
    """A connection that is kept up for as long as the process lives."""

    def __init__(self, socket_path: Path, when_connected: Callable[[ModelCard], None]) -> None:
        """`when_connected` is told each card that comes, before anybody else has it. It must not wait."""
        self._socket_path = socket_path
        self._when_connected = when_connected
        self._socket: socket.socket | None = None
        self._write_lock = Semaphore()
        self._pending: dict[int, _Pending] = {}
        self._ids = itertools.count(1)
        self._connected = Event()
        self._is_expected = Event()
        self._is_expected.set()
        self._is_stopped = False
        self.card: ModelCard | None = None
        """The model's card while the engine is connected, else None."""

    def start(self) -> None:
        """Begin to connect, in a greenlet of its own. Not before the worker has forked."""
        gevent.spawn(self._keep_connected)

    def expect(self, is_expected: bool) -> None:
        """Say whether there may be an engine at all, so that nobody looks again and again for one that there is not."""
        if is_expected:
            self._is_expected.set()
        else:
            self._is_expected.clear()

    def stop(self) -> None:
        """Do not connect again."""
        self._is_stopped = True
        self._is_expected.set()

    def wait_for_card(self, timeout_seconds: float) -> ModelCard | None:
        """The card as soon as the engine is connected, or None if it is not in time."""
        self._connected.wait(timeout_seconds)
        return self.card

    def submit(self, submit: Submit | Embed | Question, queue: SimpleQueue[Arrival]) -> Ticket:
        """Send a request; the client replaces its id by one that is free.

        Raises:
            NotConnected: if the engine does not listen.
        """
        if self.card is None:
            raise NotConnected
        request_id = next(self._ids)
        self._pending[request_id] = _Pending(queue, submit.num_choices)
        self._send(msgspec.structs.replace(submit, request_id=request_id))
        return Ticket(self, request_id)

    def cancel(self, request_id: int) -> None:
        if self._pending.pop(request_id, None) is not None:
            self._send(Cancel(request_id))

    def read_stats(self, timeout_seconds: float) -> Stats | None:
        """What the engine has done so far, or None if it is not there or too busy to say so in time."""
        if self.card is None:
            return None
        request_id = next(self._ids)
        answer: SimpleQueue[Arrival] = SimpleQueue()
        self._pending[request_id] = _Pending(answer, 1)
        self._send(ReadStats(request_id))
        try:
            arrival = answer.get(timeout=timeout_seconds)
        except Empty:
            del self._pending[request_id]
            return None
        return arrival if isinstance(arrival, Stats) else None

    def _send(self, command: Command) -> None:
        """A lost connection is noticed by the reader, which tells everybody; here it only must not be an error."""
        with self._write_lock:
            if self._socket is None:
                return
            try:
                self._socket.sendall(frame(command))
            except OSError as error:
                logger.debug("the engine does not take commands: %s", error)

    def _keep_connected(self) -> None:
        while self._is_expected.wait() and not self._is_stopped:
            try:
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                    connection.connect(str(self._socket_path))
                    self._socket = connection
                    self._read(connection)
            except OSError:
                pass
            except msgspec.MsgspecError as error:
                logger.error("the engine sends what this worker does not understand: %s", error)
            finally:
                self._disconnected()
            gevent.sleep(CONNECT_SECONDS)

    def _read(self, connection: socket.socket) -> None:
        reader = FrameReader()
        while data := connection.recv(RECEIVE_BYTES):
            for body in reader.feed(data):
                if self.card is None:
                    card = msgspec.msgpack.decode(body, type=ModelCard)
                    self._when_connected(card)
                    self.card = card
                    self._connected.set()
                else:
                    self._deliver(_events_decoder.decode(body))

    def _deliver(self, events: list[messages.Event]) -> None:
        for event in events:
            pending = self._pending.get(event.request_id)
            if pending is None:
                continue  # it was cancelled while the event was on its way
            if isinstance(event, Finished):
                pending.num_unfinished -= 1
            if isinstance(event, (Rejected, Failed, Tokens, Stats)) or pending.num_unfinished == 0:
                del self._pending[event.request_id]
            pending.queue.put(event)

    def _disconnected(self) -> None:
        self._socket = None
        self.card = None
        self._connected.clear()
        pending, self._pending = self._pending, {}
        for request in pending.values():
            request.queue.put(EngineGone())
