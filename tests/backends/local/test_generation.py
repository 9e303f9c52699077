"""A generation's events: none is lost, whatever ends it."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from gevent.queue import SimpleQueue

from server.answers.request import Caller
from server.answers.usage import Usage
from server.backends.local.engine_client import EngineGone
from server.backends.local.generation import Generation
from server.errors.tree import ContextLengthExceeded, EngineLost, Overloaded, Unauthorized
from server.http.client_watch import ClientWatch
from server.protocol.messages import Accepted, Delta, Finished, Rejected, Started, Submit
from server.protocol.values import SamplingParams


class Client:
    """Answers every submitted request with the same arrivals."""

    def __init__(self, *arrivals: object) -> None:
        self.arrivals = arrivals
        self.cancelled: list[int] = []

    def submit(self, submit: Submit, queue: SimpleQueue[Any]) -> Any:
        for arrival in self.arrivals:
            queue.put(arrival)
        return SimpleNamespace(request_id=1, cancel=lambda: self.cancelled.append(1))


def generation(*arrivals: object, caller: Caller | None = None) -> tuple[Generation, Client]:
    client = Client(*arrivals)
    model: Any = SimpleNamespace(client=client, id="m", is_leaving=False, is_manual=False, lost=lambda: EngineLost("m"))
    submit = Submit(request_id=0, sampling=SamplingParams())
    return Generation(model, [submit], caller or Caller("", ""), ClientWatch({}), "messages"), client


def test_what_came_before_the_engines_end_is_delivered_before_it_is_told() -> None:
    running, client = generation(Accepted(1, 3), Delta(1, 0, "a"), Delta(1, 0, "b"), EngineGone())
    running.start()
    events = running.events()
    assert next(events) == [(0, Delta(1, 0, "a")), (0, Delta(1, 0, "b"))]
    with pytest.raises(EngineLost):
        next(events)
    running.close()
    assert client.cancelled


def test_a_complete_answer_is_complete_although_the_engine_ends_with_it() -> None:
    running, _ = generation(Accepted(1, 3), Delta(1, 0, "a"), Finished(1, 0, "stop", 2, 1), EngineGone())
    with running:
        running.start()
        assert [len(batch) for batch in running.events()] == [2]
        assert running.usage == Usage(3, 2, 1)


def test_what_was_counted_until_an_answer_broke_off_stays_known() -> None:
    started = Started(1, 0, num_cached_tokens=2, queue_seconds=0.5)
    running, _ = generation(Accepted(1, 3), started, Delta(1, 0, "a"), Delta(1, 0, "bc", num_tokens=2), EngineGone())
    running.start()
    assert running.usage == Usage(3, 0, 0)
    with pytest.raises(EngineLost):
        list(running.events())
    assert running.usage == Usage(3, 3, 2, queue_seconds=0.5)


def test_a_choice_that_begins_breaks_no_silence_and_is_no_silence() -> None:
    running, _ = generation(Accepted(1, 3), Started(1, 0, 0, 0.0))
    with running:
        running.start()
        events = running.events(silence_seconds=0.05)
        began_at = time.monotonic()
        assert next(events) == []
        assert time.monotonic() - began_at >= 0.05


def test_silence_is_an_empty_batch() -> None:
    running, _ = generation(Accepted(1, 3))
    with running:
        running.start()
        assert next(running.events(silence_seconds=0.01)) == []


@pytest.mark.parametrize(
    ("rejected", "error"),
    [
        (Rejected(1, "context_length_exceeded", 9, 8), ContextLengthExceeded),
        (Rejected(1, "overloaded", limit=4), Overloaded),
    ],
)
def test_a_refusal_ends_the_start(rejected: Rejected, error: type[Exception]) -> None:
    running, client = generation(rejected)
    with pytest.raises(error):
        running.start()
    assert client.cancelled


def test_an_answer_ends_when_its_caller_may_have_it_no_longer() -> None:
    told: list[Callable[[Exception], None]] = []
    ended: list[str] = []

    def watch_standing(on_loss: Callable[[Exception], None]) -> Callable[[], None]:
        told.append(on_loss)
        return lambda: ended.append("ended")

    running, client = generation(Accepted(1, 3), Delta(1, 0, "a"), caller=Caller("", "", watch_standing))
    running.start()
    events = running.events()
    next(events)
    told[0](Unauthorized("revoked", "Bearer"))
    with pytest.raises(Unauthorized):
        next(events)
    running.close()
    assert client.cancelled
    assert ended
