"""A turn with a scripted generation and a store that remembers: what is told, what is stored, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest
from gevent.queue import SimpleQueue

from server.answers.answer import Batch, ClientLeft
from server.answers.parts import ContentText, End
from server.answers.usage import Usage
from server.errors.tree import DatabaseUnavailable, EngineLost, ParleyError, ResponseGone
from server.responses.builder import is_terminal
from server.turns import turn as turn_module
from server.turns.event_rows import EventRow, unpack
from server.turns.teller import WireEvent
from server.turns.turn import Turn
from tests.responses.test_builder import THINKS_AND_CALLS, builder

STOP = End("stop")


class ScriptedAnswer:
    """Gives what the test puts in; an exception is raised."""

    num_choices = 1
    usage = Usage(1, 2, 0)

    def __init__(self) -> None:
        self.queue: SimpleQueue[Any] = SimpleQueue()
        self.held: Batch = []
        self.is_closed = False

    def start(self) -> None: ...

    def hang_up(self) -> None: ...

    def close(self) -> None:
        self.is_closed = True

    def batches(self, silence_seconds: float | None = None) -> Iterator[Batch]:
        while True:
            happened = self.queue.get()
            if isinstance(happened, Exception):
                raise happened
            yield [(0, happened)]
            if isinstance(happened, End):
                return

    def rest(self) -> Batch:
        return self.held

    def abandon(self) -> None:
        self.queue.put(ClientLeft())


class RememberingStore:
    def __init__(self) -> None:
        self.saved: list[list[dict[str, Any]]] = []
        self.bodies: list[dict[str, Any]] = []
        self.rows: list[EventRow] = []
        self.error: ParleyError | None = None
        self.on_finish: Callable[[], None] = lambda: None

    def save(self, items: list[dict[str, Any]], row: EventRow | None) -> None:
        self._keep(row)
        self.saved.append(items)

    def save_surely(self, items: list[dict[str, Any]], row: EventRow | None) -> None:
        self.save(items, row)

    def finish(self, body: dict[str, Any], items: list[dict[str, Any]], row: EventRow | None) -> None:
        self.on_finish()
        self._keep(row)
        self.bodies.append(body)

    def _keep(self, row: EventRow | None) -> None:
        if self.error is not None:
            raise self.error
        if row is not None:
            self.rows.append(row)


class Stage:
    """A turn with its scripted surroundings."""

    def __init__(self, keeps_events: bool = True) -> None:
        self.answer = ScriptedAnswer()
        self.store = RememberingStore()
        self.turn = Turn(self.store, builder(), self.answer, keeps_events=keeps_events)
        self.num_ends = 0
        self.turn.start(self._on_end)

    def _on_end(self) -> None:
        self.num_ends += 1

    def play(self, *happenings: object) -> list[WireEvent]:
        for happened in happenings:
            self.answer.queue.put(happened)
        return [event for batch in self.turn.follow() for event in batch]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_all_is_told_and_stored(stage: Stage) -> None:
    events = stage.play(ContentText("Hel"), ContentText("lo"), STOP)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert is_terminal(events[-1])
    assert stage.store.bodies == [events[-1]["response"]]
    assert [event for _, row in stage.store.rows for event in unpack(row)] == events
    assert (stage.num_ends, stage.answer.is_closed, stage.turn.is_over) == (1, True, True)


def test_the_end_is_stored_before_it_is_told(stage: Stage) -> None:
    told: list[WireEvent] = []

    def listen() -> None:
        for batch in stage.turn.follow():
            told.extend(batch)

    gevent.spawn(listen)
    seen: list[list[str]] = []

    def look() -> None:
        gevent.sleep(0.01)
        seen.append([event["type"] for event in told])

    stage.store.on_finish = look
    stage.play(ContentText("Hello"), STOP)
    assert seen[0][-1] == "response.output_text.delta"


def test_an_item_that_ends_in_the_middle_is_stored_before_that_is_told() -> None:
    stage = Stage()
    told_when_saved: list[list[str]] = []
    save = stage.store.save

    def look(items: list[dict[str, Any]], row: EventRow | None) -> None:
        gevent.sleep(0.01)
        told_when_saved.append([event["type"] for event in told])
        save(items, row)

    stage.store.save = look  # type: ignore[method-assign]
    told: list[WireEvent] = []

    def listen() -> None:
        for batch in stage.turn.follow():
            told.extend(batch)

    follower = gevent.spawn(listen)
    stage.play(*THINKS_AND_CALLS, STOP)
    follower.join()
    assert [kinds[-1] for kinds in told_when_saved] == [
        "response.reasoning_text.delta",
        "response.output_text.delta",
        "response.function_call_arguments.delta",
    ]
    assert [len(items) for items in stage.store.saved] == [2, 3, 4]
    assert [event for _, row in stage.store.rows for event in unpack(row)] == told
    assert [event["sequence_number"] for event in told] == list(range(len(told)))


def test_an_item_whose_end_cannot_be_stored_fails_the_response() -> None:
    stage = Stage()
    stage.store.error = DatabaseUnavailable(1)
    events = stage.play(*THINKS_AND_CALLS[:3])
    assert not any(event["type"].endswith(".done") for event in events)
    assert events[-1]["type"] == "error"
    assert [event["sequence_number"] for event in events] == list(range(len(events)))


def test_an_end_that_could_not_be_stored_in_time_may_still_be_told_later() -> None:
    stage = Stage()
    save = stage.store.save
    stage.store.save = _unavailable  # type: ignore[method-assign]
    events = stage.play(*THINKS_AND_CALLS[:3])
    stage.store.save = save  # type: ignore[method-assign]
    assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event for _, row in stage.store.rows for event in unpack(row)] == events


def _unavailable(items: list[dict[str, Any]], row: EventRow | None) -> None:
    raise DatabaseUnavailable(1)


def test_it_can_be_followed_from_any_event_and_after_the_end(stage: Stage) -> None:
    events = stage.play(ContentText("Hel"), ContentText("lo"), STOP)
    assert [event for batch in stage.turn.follow(4) for event in batch] == events[5:]
    assert list(stage.turn.follow(len(events))) == []


def test_a_silence_is_told_as_nothing(stage: Stage) -> None:
    follower = stage.turn.follow(1, silence_seconds=0.01)
    assert next(follower) == []
    stage.play(STOP)


def test_the_output_so_far_is_saved_now_and_then(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn_module, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(stage.turn, "_next_save", 0.0)
    stage.answer.queue.put(ContentText("Hel"))
    gevent.sleep(0.01)
    assert [items[0]["content"][0]["text"] for items in stage.store.saved] == ["Hel"]
    assert stage.store.saved[0][0]["status"] == "in_progress"
    events = stage.play(ContentText("lo"), STOP)
    assert [event for _, row in stage.store.rows for event in unpack(row)] == events


def test_a_client_that_leaves_ends_it_with_what_there_is(stage: Stage) -> None:
    stage.answer.queue.put(ContentText("Hel"))
    gevent.sleep(0)
    stage.turn.leave()
    events = stage.play()
    assert events[-1]["response"]["status"] == "incomplete"
    assert stage.store.bodies[0]["output"][0]["content"][0]["text"] == "Hel"
    assert stage.turn.is_abandoned
    stage.turn.leave()  # harmless


def test_what_was_held_back_is_told_when_it_breaks_off(stage: Stage) -> None:
    stage.answer.held = [(0, ContentText("lo"))]
    events = stage.play(ContentText("Hel"), EngineLost("m"))
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == "Hello"


def test_it_can_be_cancelled(stage: Stage) -> None:
    stage.turn.cancel()
    assert stage.play()[-1]["response"]["status"] == "cancelled"
    assert not stage.turn.is_abandoned


def test_a_failure_is_told_and_stored(stage: Stage) -> None:
    events = stage.play(ContentText("Hel"), EngineLost("m"))
    assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
    assert stage.store.bodies[0]["status"] == "failed"
    assert isinstance(stage.turn.error, EngineLost)


@pytest.mark.parametrize("error", [DatabaseUnavailable(1), ResponseGone("resp_1")])
def test_an_end_that_cannot_be_stored_is_an_error_and_not_an_end(stage: Stage, error: ParleyError) -> None:
    stage.store.error = error
    events = stage.play(ContentText("Hello"), STOP)
    assert events[-1]["type"] == "error"
    assert events[-1]["code"] == error.code
    assert not any(map(is_terminal, events))
    assert stage.turn.error is error


def test_events_are_kept_only_if_somebody_may_follow_later() -> None:
    stage = Stage(keeps_events=False)
    stage.play(ContentText("Hello"), STOP)
    assert stage.store.rows == []
    assert stage.store.bodies
