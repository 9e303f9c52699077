"""The intake's threads: one for short commands, one for long ones, and one for the slow parts of requests.

So a short command waits for no long one, and neither for a grammar that is compiled. It knows what an intake is asked;
it does not know sockets' bytes or the engine.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Generic

from server.engine.affinity import Thread
from server.engine.host.connection import Connection
from server.engine.host.intake_queue import Entry, IntakeQueue, Lane, Prepared
from server.engine.host.served import R, ServedIntake
from server.protocol.messages import Accepted, Detokenize, Failed, Question, Rejected, Submission, Tokenize, Tokens

logger = logging.getLogger(__name__)


class IntakeDesk(Generic[R]):
    """Takes commands from a queue through the intake, to the engine or back to their worker."""

    def __init__(
        self,
        intake: ServedIntake[R],
        queue: IntakeQueue[R],
        arrive: Callable[[Connection, Prepared[R]], None],
        send: Callable[[Connection, Tokens | Rejected | Failed], None],
    ) -> None:
        """`arrive` hands a request to the engine, and does not wait; `send` sends the answer of one that ends here."""
        self._intake = intake
        self._queue = queue
        self._arrive = arrive
        self._send = send

    def start(self) -> None:
        """Work from now on."""
        lanes: tuple[Lane, ...] = ("short", "long")
        for lane in lanes:
            Thread(target=self._prepare_requests, args=(lane,), daemon=True, name=f"intake, {lane}").start()
        Thread(target=self._complete_requests, daemon=True, name="intake, slow part").start()

    def _prepare_requests(self, lane: Lane) -> None:
        while True:
            self._prepare(self._queue.take(lane))

    def _prepare(self, entry: Entry[R]) -> None:
        if isinstance(entry.command, (Tokenize, Detokenize)):
            self._hand_on(entry, self._answered(entry.command))
            return
        made = self._made(entry, entry.command)
        if isinstance(made, tuple) and self._intake.has_slow_part(entry.command, made[0]):
            self._queue.add_slow_part(entry, made)
        else:
            self._hand_on(entry, made)

    def _complete_requests(self) -> None:
        while True:
            entry = self._queue.take("slow part")
            prepared = self._queue.prepared(entry)
            if prepared is not None:
                assert not isinstance(entry.command, (Tokenize, Detokenize))
                self._hand_on(entry, self._completed(entry.command, *prepared))

    def _hand_on(self, entry: Entry[R], made: Prepared[R] | Tokens | Rejected | Failed) -> None:
        if isinstance(made, tuple):
            self._queue.finish(entry, lambda: self._arrive(entry.connection, made))
        else:
            answers: list[Tokens | Rejected | Failed] = []
            self._queue.finish(entry, lambda: answers.append(made))
            for answer in answers:
                self._send(entry.connection, answer)

    def _made(self, entry: Entry[R], submit: Submission) -> Prepared[R] | Rejected | Failed:
        try:
            return self._intake.prepare(entry.connection, submit, entry.arrived)
        except Exception:
            logger.exception("request %d cannot be prepared", submit.request_id)
            return Failed(submit.request_id, "the prompt could not be tokenized")

    def _completed(self, submit: Submission, request: R, accepted: Accepted) -> Prepared[R] | Rejected | Failed:
        try:
            completed = self._intake.prepare_slow_part(submit, request)
        except Exception:
            logger.exception("request %d cannot be completed", submit.request_id)
            return Failed(submit.request_id, "the grammar could not be compiled")
        return completed if isinstance(completed, Rejected) else (completed, accepted)

    def _answered(self, question: Question) -> Tokens | Rejected | Failed:
        try:
            return self._intake.answer(question)
        except Exception:
            logger.exception("question %d cannot be answered", question.request_id)
            return Failed(question.request_id, "the vocabulary could not be asked")
