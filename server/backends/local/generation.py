"""One generation, from the engine's messages to a stream of its events.

Whatever can go wrong on the way becomes one of the errors of `server.errors`: before the first event as an exception
from `start`, later as one from the iteration. It watches the client's connection, so a client that leaves stops the
engine's work for it within a step, whether anything is being written or not. It does not know JSON, roles or which
endpoint it works for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType

import gevent
from gevent.queue import Empty, SimpleQueue

from server.answers.answer import ClientLeft
from server.answers.request import Caller
from server.answers.usage import Usage
from server.backends.local.engine_client import Arrival, EngineGone, NotConnected, Ticket
from server.backends.local.grammar_blame import NOBODY, GrammarBlame
from server.backends.local.model import LocalModel
from server.errors.tree import (
    ContextLengthExceeded,
    EngineFailed,
    InvalidRequest,
    Overloaded,
    ParleyError,
    ShuttingDown,
)
from server.http import draining
from server.http.client_watch import ClientWatch
from server.protocol.messages import Accepted, Delta, Embed, Failed, Finished, Rejected, Started, Submit, Vector

OVERLOAD_RETRY_SECONDS = 5.0
BAD_TOKEN = "Token ids must be from 0 to {} for this model."
LONG_LINE = "A line of the text, with the white space after it, has more than {} characters."


LEAVING_SECONDS = 0.05
"""How long to leave an engine that refuses because it is going, before asking again whether it has gone."""


class _ClientGone:
    """Stands in a queue where an event would."""


class _DeadlineReached:
    """Stands in a queue where an event would: this worker must end now."""


class _EngineLeaves(Exception):
    """The engine is going, and did not take what was submitted."""


ChoiceEvent = tuple[int, Delta | Finished]
"""The index of a choice, counted over all prompts, and what happened to it."""


class Generation:
    """The generations of one HTTP request: one or more prompts, each with the same number of choices.

    A context manager; leaving it cancels what still runs.
    """

    def __init__(
        self,
        model: LocalModel,
        submits: Sequence[Submit | Embed],
        caller: Caller,
        watch: ClientWatch,
        prompt_param: str,
        grammar_blame: GrammarBlame = NOBODY,
    ) -> None:
        """`prompt_param` is what the endpoint calls the prompt, `grammar_blame` what brought the submits' grammar."""
        self._model = model
        self._submits = submits
        self._caller = caller
        self._stop_watching_caller: Callable[[], None] | None = None
        self._watch = watch
        self._prompt_param = prompt_param
        self._grammar_blame = grammar_blame
        self._forget()

    def _forget(self) -> None:
        """Know nothing of any request: none has been submitted, or they were all in vain."""
        self._queue: SimpleQueue[Arrival | _ClientGone | _DeadlineReached | Exception] = SimpleQueue()
        self._tickets: list[Ticket] = []
        self._first_choice: dict[int, int] = {}  # by request id
        self._accepted: dict[int, Accepted] = {}
        self._early: list[object] = []  # events of prompts that run while another is not accepted yet
        self._started: list[Started] = []
        self._finished: list[Finished] = []
        self._num_tokens = [0] * self.num_choices

    def __enter__(self) -> Generation:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @property
    def num_choices(self) -> int:
        return sum(submit.num_choices for submit in self._submits)

    @property
    def prompt_texts(self) -> list[str]:
        """The prompts as text, where the submits asked for that; in order."""
        return [self._accepted[ticket.request_id].prompt_text or "" for ticket in self._tickets]

    @property
    def prompt_starts(self) -> list[tuple[int, bytes]]:
        """How many tokens each prompt has; and what the first one stands for, where logprobs of it are wanted."""
        accepted = [self._accepted[ticket.request_id] for ticket in self._tickets]
        return [(each.num_prompt_tokens, each.first_token_bytes) for each in accepted]

    @property
    def usage(self) -> Usage:
        """Counts so far, of a choice that has not ended those that came with its text; final once the iteration has."""
        told: list[Started | Finished] = [*self._started, *self._finished]
        num_cached = {event.request_id: event.num_cached_tokens for event in told if event.choice == 0}
        return Usage(
            sum(accepted.num_prompt_tokens for accepted in self._accepted.values()),
            sum(self._num_tokens),
            sum(num_cached.values()),
            queue_seconds=min((started.queue_seconds for started in self._started), default=None),
        )

    def start(self) -> None:
        """Submit everything and wait until it has a place in the queue, of the next engine if this one is going.

        Raises:
            ParleyError: if it cannot be served; nothing of it runs then.
            ClientLeft: if the client did.
        """
        while True:
            try:
                self._start()
            except _EngineLeaves:
                self._forget()
                gevent.sleep(LEAVING_SECONDS)
                self._model.wait_until_loaded(self._watch)
            else:
                return

    def _start(self) -> None:
        try:
            self._watch.start(lambda: self._queue.put(_ClientGone()))
            self._stop_watching_caller = self._caller.watch_standing(self._queue.put)
            draining.deadline_event.rawlink(self._on_deadline)
            for submit in self._submits:
                self._submit(submit)
            while len(self._accepted) < len(self._submits):
                self._accept(self._queue.get())
        except BaseException:
            self.close()
            raise

    def events(self, silence_seconds: float | None = None) -> Iterator[list[ChoiceEvent]]:
        """What happens, in batches as it arrives; an empty batch after `silence_seconds` in which nothing did.

        Raises:
            ParleyError: if the generation cannot go on.
            ClientLeft: if the client did.
        """
        for happened in self._happenings(silence_seconds):
            yield [self._choice_event(event) for event in happened if not isinstance(event, Vector)]

    def vectors(self) -> list[bytes]:
        """Of an embedding model, what it makes of each text: 32-bit numbers, little-endian.

        Raises:
            ParleyError: if it cannot go on.
            ClientLeft: if the client did.
        """
        found = [b""] * self.num_choices
        for happened in self._happenings(None):
            for event in happened:
                if isinstance(event, Vector):
                    found[self._first_choice[event.request_id] + event.choice] = event.data
        return found

    def _happenings(self, silence_seconds: float | None) -> Iterator[list[Delta | Vector | Finished]]:
        num_unfinished = self.num_choices
        while num_unfinished:
            arrivals = self._wait(silence_seconds)
            # What came before an end is delivered before the end is told.
            happened, broken = self._before_the_end(arrivals)
            finished = [arrival for arrival in happened if isinstance(arrival, Finished)]
            self._finished += finished
            num_unfinished -= len(finished)
            if happened or not arrivals:
                yield happened
            if num_unfinished and broken is not None:
                raise self._failure(broken)

    def _before_the_end(self, arrivals: list[object]) -> tuple[list[Delta | Vector | Finished], object | None]:
        """The events of choices, until something has arrived that ends everything; and that."""
        happened: list[Delta | Vector | Finished] = []
        for arrival in arrivals:
            if isinstance(arrival, (Delta, Vector, Finished)):
                happened.append(arrival)
            elif isinstance(arrival, Started):
                self._started.append(arrival)
            else:
                return happened, arrival
        return happened, None

    def close(self) -> None:
        """Cancel what still runs and stop watching. May be called more than once."""
        self._watch.stop()
        if self._stop_watching_caller:
            self._stop_watching_caller()
        draining.deadline_event.unlink(self._on_deadline)
        for ticket in self._tickets:
            ticket.cancel()

    def _submit(self, submit: Submit | Embed) -> None:
        try:
            ticket = self._model.client.submit(submit, self._queue)
        except NotConnected:
            raise self._model.not_ready() from None
        self._first_choice[ticket.request_id] = sum(s.num_choices for s in self._submits[: len(self._tickets)])
        self._tickets.append(ticket)

    def _accept(self, arrival: object) -> None:
        match arrival:
            case Accepted():
                self._accepted[arrival.request_id] = arrival
            case Rejected(reason="unloading"):
                raise self._model.not_ready() if self._model.is_manual else _EngineLeaves
            case EngineGone() if self._model.is_leaving and not self._model.is_manual:
                raise _EngineLeaves
            case Rejected():
                raise self._refusal(arrival)
            case Started() | Delta() | Vector() | Finished():
                self._early.append(arrival)
            case _:
                raise self._failure(arrival)

    def _wait(self, silence_seconds: float | None) -> list[object]:
        """All that has arrived, or nothing if nothing does for a while."""
        arrivals, self._early = self._early, []
        try:
            if not arrivals:
                arrivals.append(self._queue.get(timeout=silence_seconds))
            while True:
                arrivals.append(self._queue.get_nowait())
        except Empty:
            pass
        return arrivals

    def _choice_event(self, arrival: Delta | Finished) -> ChoiceEvent:
        index = self._first_choice[arrival.request_id] + arrival.choice
        if isinstance(arrival, Delta):
            self._num_tokens[index] += arrival.num_tokens
        else:
            self._num_tokens[index] = arrival.num_completion_tokens
        return index, arrival

    def _failure(self, arrival: object) -> Exception:
        match arrival:
            case _ClientGone():
                return ClientLeft()
            case _DeadlineReached():
                return ShuttingDown(has_begun=True)
            case EngineGone():
                return self._model.lost()
            case Exception():
                return arrival
            case Failed(_, message, blames_grammar):
                return self._grammar_blame.refusal(message) if blames_grammar else EngineFailed(message)
            case _:
                raise TypeError(f"the engine sent {arrival!r}")

    def _refusal(self, rejected: Rejected) -> ParleyError:
        match rejected.reason:
            case "context_length_exceeded":
                num_prompt_tokens, n_ctx = rejected.num_prompt_tokens, rejected.limit
                return ContextLengthExceeded(
                    num_prompt_tokens, n_ctx, param=self._prompt_param, is_estimate=rejected.is_estimate
                )
            case "overloaded":
                return Overloaded(OVERLOAD_RETRY_SECONDS)
            case "invalid_grammar":
                return self._grammar_blame.refusal(rejected.message)
            case _:
                message, param = self._complaint(rejected)
                return InvalidRequest(message, param=param)

    def _complaint(self, rejected: Rejected) -> tuple[str, str | None]:
        """What is wrong with which parameter."""
        bad_token = BAD_TOKEN.format(rejected.limit - 1)
        complaints: dict[str, tuple[str, str | None]] = {
            "invalid_token": (bad_token, self._prompt_param),
            "invalid_logit_bias": (bad_token, "logit_bias"),
            "invalid_dimensions": (f"The model's vectors have only {rejected.limit} dimensions.", "dimensions"),
            "word_too_long": (LONG_LINE.format(rejected.limit), self._prompt_param),
            "empty_prompt": ("The prompt has no tokens.", self._prompt_param),
        }
        return complaints[rejected.reason]

    def abandon(self) -> None:
        """End the iteration as if the client had left; from any greenlet."""
        self._queue.put(_ClientGone())

    def hang_up(self) -> None:
        """Make the response that is being written the last on its connection."""
        self._watch.stop()
        self._watch.hang_up()

    def _on_deadline(self, _event: object) -> None:
        self._queue.put(_DeadlineReached())
