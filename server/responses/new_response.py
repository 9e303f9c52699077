"""A stored response that is about to be made: opened, asked, stored, and let go again if nothing comes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas.responses import ResponsesRequest
from server.answers.answer import Answer
from server.answers.request import Caller
from server.answers.stopwatch import Stopwatch
from server.backends.served import ServedModel
from server.http.client_watch import ClientWatch
from server.responses.builder import ResponseBuilder
from server.responses.opening import Opening, close_again, lock_and_read, store_turn
from server.responses.prompting import Prompting
from server.responses.repeats import NO_REPEAT, Repeat
from server.turns.store import ResponseStore
from storage.db.database import Database
from storage.ids import new_id
from storage.records import Opened


class NewResponse:
    """Implements `server.turns.keeper.NewTurn`."""

    def __init__(
        self,
        database: Database,
        user_id: int,
        wanted: ResponsesRequest,
        model: ServedModel,
        caller: Caller,
        watch: ClientWatch,
        stopwatch: Stopwatch,
        on_end: Callable[[], None],
        repeat: Repeat = NO_REPEAT,
    ) -> None:
        """`stopwatch` has been running since the request came. `on_end` is called when all of it is stored."""
        self.id = new_id("resp")
        self.keeps_events = wanted.stream or wanted.background
        self.store = ResponseStore(database, user_id, self.id)
        self.on_end = on_end
        self._database = database
        self._opening = Opening(self.id, user_id, wanted, repeat.key, repeat.takes_up)
        self._model = model
        self._caller = caller
        self._watch = watch
        self._stopwatch = stopwatch
        self._opened = Opened()

    def open(self, worker: str) -> None:
        self._opened = lock_and_read(self._database, self._opening, worker)

    def start(self) -> tuple[ResponseBuilder, Answer]:
        wanted, opened = self._opening.wanted, self._opened
        prompting = Prompting(self._model, wanted, opened, self._caller, self._watch, self._stopwatch)
        started = prompting.start()
        return prompting.builder(started, self.id), started.answer

    def keep(self, worker: str, body: dict[str, Any]) -> None:
        store_turn(self._database, self._opening, worker, body, self._opened.takes_up)

    def close_again(self) -> None:
        close_again(self._database, self._opening)
