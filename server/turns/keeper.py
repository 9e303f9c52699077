"""The stored responses that this worker is making: begun, kept alive, ended, and those of dead workers tidied up.

A worker says every few seconds which responses it is still making. Whoever falls silent is dead, and of the workers of
this machine it is seen at once: anybody closes what he left behind, and frees the conversations. Every worker looks for
such now and then, also when it has nothing else to do. It does not know HTTP.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import gevent

from schemas.responses import ResponsesRequest
from server.backends.local.submission import Caller
from server.backends.served_models import ServedModel
from server.http.client_watch import ClientWatch
from server.responses.opening import LEASE_SECONDS, NewTurn, close_again, lock_and_read, store_turn
from server.responses.production import Prompting
from server.titles.titling import title_soon
from server.turns.store import ResponseStore
from server.turns.turn import Turn
from storage import responses, workers
from storage.db.database import Database
from storage.errors import StorageError
from storage.ids import new_id

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = LEASE_SECONDS / 6
TIDY_SECONDS = (3.0, 6.0)
"""Between two looks for what the dead left behind: at random, so that workers take turns."""


class Keeper:
    """One per worker, made after the fork."""

    def __init__(self, database: Database, makes_titles: bool) -> None:
        self._database = database
        self._makes_titles = makes_titles
        self._owner = workers.own_name()
        self._turns: dict[str, Turn] = {}
        self._heart: gevent.Greenlet | None = None
        gevent.spawn(self._take_care)

    def find(self, response_id: str) -> Turn | None:
        """The response while it is being made, if that is here."""
        return self._turns.get(response_id)

    def begin(
        self, user_id: int, wanted: ResponsesRequest, model: ServedModel, caller: Caller, watch: ClientWatch
    ) -> Turn:
        """A turn that has been stored, and is being generated.

        Until here everything can be refused, and then leaves nothing behind.

        Raises:
            ParleyError, StorageError: if it cannot be served.
            ClientLeft: if the client did.
        """
        response_id = new_id("resp")
        new = NewTurn(response_id, user_id, wanted, self._owner)
        opened = lock_and_read(self._database, new)
        try:
            prompting = Prompting(model, wanted, opened, caller, watch)
            with ExitStack() as on_error:
                started = prompting.start()
                on_error.callback(started.generation.close)
                store = ResponseStore(self._database, user_id, response_id)
                builder = prompting.builder(started, response_id)
                turn = Turn(store, builder, started.generation, keeps_events=wanted.stream or wanted.background)
                store_turn(self._database, new, turn.response)
                on_error.pop_all()
        except BaseException:
            close_again(self._database, new)
            raise
        self._start(response_id, turn, partial(self._give_title, user_id, wanted.conversation_id, model, caller))
        return turn

    def _start(self, response_id: str, turn: Turn, on_end: Callable[[], None]) -> None:
        self._turns[response_id] = turn
        turn.start(lambda: self._ended(response_id, on_end))
        if self._heart is None:
            self._heart = gevent.spawn(self._beat)

    def _ended(self, response_id: str, on_end: Callable[[], None]) -> None:
        del self._turns[response_id]
        on_end()

    def _give_title(self, user_id: int, conversation_id: str | None, model: ServedModel, caller: Caller) -> None:
        """After every turn of a conversation: a first attempt may have failed, and one with a title costs a query."""
        if self._makes_titles and conversation_id is not None:
            title_soon(self._database, user_id, conversation_id, model, caller)

    def _beat(self) -> None:
        """While there are turns."""
        while True:
            gevent.sleep(HEARTBEAT_SECONDS)
            if not self._turns:
                self._heart = None
                return
            try:
                beat = self._database.run(responses.heartbeat, self._owner, list(self._turns), LEASE_SECONDS)
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

    def _each(self, response_ids: frozenset[str], action: Callable[[Turn], None]) -> None:
        for response_id in response_ids:
            if turn := self._turns.get(response_id):
                action(turn)
