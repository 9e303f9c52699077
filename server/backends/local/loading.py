"""Waits for a model to be loaded, for a client that may leave meanwhile.

It asks the supervisor, which alone decides; it does not know engines or requests.
"""

from __future__ import annotations

from pathlib import Path

import gevent
from gevent.queue import Empty, SimpleQueue

from server.answers.answer import ClientLeft
from server.errors.tree import ShuttingDown
from server.http import draining
from server.http.client_watch import ClientWatch
from server.protocol.control import Answer, ControlConnection, NoSupervisor, Order


def wait_until_loaded(path: Path, model_id: str, timeout_seconds: float, watch: ClientWatch) -> Answer:
    """The supervisor's word when the model is ready or has failed or, if neither is so in time, then.

    Raises:
        NoSupervisor: if there is none.
        ShuttingDown: if this worker has to end before.
        ClientLeft: if the client did; nothing is loaded for its sake any more.
    """
    outcomes: SimpleQueue[Answer | Exception] = SimpleQueue()

    def on_deadline(_event: object) -> None:
        outcomes.put(ShuttingDown())

    with ControlConnection(path) as connection:
        connection.send(Order(verb="want", model=model_id))
        reader = gevent.spawn(_read, connection, outcomes)
        outcome: Answer | Exception | None = None
        try:
            watch.start(lambda: outcomes.put(ClientLeft()))
            draining.deadline_event.rawlink(on_deadline)
            outcome = outcomes.get(timeout=timeout_seconds)
        except Empty:
            pass
        finally:
            draining.deadline_event.unlink(on_deadline)
            watch.stop()
            reader.kill()
        if outcome is None:
            # The client will be told to come back, and finds it loaded then.
            return connection.ask(Order(verb="come back", model=model_id))
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _read(connection: ControlConnection, outcomes: SimpleQueue[Answer | Exception]) -> None:
    try:
        outcomes.put(connection.receive())
    except NoSupervisor as error:
        outcomes.put(error)
