"""The turns that this worker is making: begun, kept alive, ended, and those of dead workers tidied up.

A worker says every few seconds which turns it is still making. Whoever falls silent is dead, and of the workers of
this machine it is seen at once: anybody closes what he left behind, and frees the conversations. Every worker looks for
such now and then, also when it has nothing else to do. It does not know HTTP.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Protocol

import gevent

from server.answers.answer import Answer
from server.turns.teller import Teller
from server.turns.turn import Store, Turn
from storage import responses
from storage.db.database import Database
from storage.errors import StorageError
from storage.leases import workers

logger = logging.getLogger(__name__)

LEASE_SECONDS = 15.0
"""How long a conversation stays locked after its machine went away; a dead worker of this machine is seen at once."""

HEARTBEAT_SECONDS = LEASE_SECONDS / 6
TIDY_SECONDS = (3.0, 6.0)
"""Between two looks for what the dead left behind: at random, so that workers take turns."""


class NewTurn(Protocol):
    """A turn that is about to begin. Until it has been stored it can be refused, and then leaves nothing behind.

    Everything raises ParleyError, StorageError and, where a model is asked, ClientLeft.
    """

    @property
    def id(self) -> str:
        """The public id of what it makes."""
        ...

    @property
    def keeps_events(self) -> bool:
        """Whether somebody may want to follow it later."""
        ...

    @property
    def store(self) -> Store:
        """Where it is kept once it has begun."""
        ...

    def open(self, worker: str) -> None:
        """Lock its conversation, if it has one, for this worker, and read what was said before."""
        ...

    def start(self) -> tuple[Teller, Answer]:
        """Ask the model; the answer has been started."""
        ...

    def keep(self, worker: str, body: dict[str, Any]) -> None:
        """Store what was sent, and the object that is being made."""
        ...

    def close_again(self) -> None:
        """Let go what `open` took: nothing came of it."""
        ...

    def on_end(self) -> None:
        """The turn is over, and all of it is stored."""
        ...


class Keeper:
    """One per worker, made after the fork."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._worker = workers.own_name()
        self._turns: dict[str, Turn] = {}
        self._heart: gevent.Greenlet | None = None
        gevent.spawn(self._take_care)

    def find(self, public_id: str) -> Turn | None:
        """The turn while it is being made, if that is here."""
        return self._turns.get(public_id)

    def begin(self, new: NewTurn) -> Turn:
        """A turn that has been stored, and is being made.

        Raises:
            ParleyError, StorageError: if it cannot be served.
            ClientLeft: if the client did.
        """
        new.open(self._worker)
        try:
            with ExitStack() as on_error:
                teller, answer = new.start()
                on_error.callback(answer.close)
                turn = Turn(new.store, teller, answer, keeps_events=new.keeps_events)
                new.keep(self._worker, turn.body)
                on_error.pop_all()
        except BaseException:
            new.close_again()
            raise
        self._start(new.id, turn, new.on_end)
        return turn

    def _start(self, public_id: str, turn: Turn, on_end: Callable[[], None]) -> None:
        self._turns[public_id] = turn
        turn.start(lambda: self._ended(public_id, on_end))
        if self._heart is None:
            self._heart = gevent.spawn(self._beat)

    def _ended(self, public_id: str, on_end: Callable[[], None]) -> None:
        del self._turns[public_id]
        on_end()

    def _beat(self) -> None:
        """While there are turns."""
        while True:
            gevent.sleep(HEARTBEAT_SECONDS)
            if not self._turns:
                self._heart = None
                return
            try:
                beat = self._database.run(responses.heartbeat, self._worker, list(self._turns), LEASE_SECONDS)
            except StorageError as error:
                logger.warning("the database does not hear that this worker lives: %s", error)
                continue
            self._each(beat.cancel_requested, Turn.cancel)
            self._each(beat.lost, Turn.leave)

    def _take_care(self) -> None:
        """End what dead workers were making. Whoever comes by such a response or its conversation does it, too."""
        while True:
            gevent.sleep(random.uniform(*TIDY_SECONDS))
            try:
                for ended in self._database.run(responses.reap_expired):
                    logger.info("%s was cut off when its worker died: it is %s", ended.public_id, ended.status)
            except StorageError as error:
                logger.debug("what dead workers left behind is not tidied up yet: %s", error)

    def _each(self, public_ids: frozenset[str], action: Callable[[Turn], None]) -> None:
        for public_id in public_ids:
            if turn := self._turns.get(public_id):
                action(turn)
