"""Following a stored response: its events where there are some, else its end as a stream."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from server.answers.parts import End, FinishReason
from server.responses import replay as ending
from server.responses.replay import replay
from server.turns import follow as follow_module
from server.turns.event_rows import pack
from server.turns.follow import follow_stored
from server.turns.teller import WireEvent
from storage.errors import StorageUnavailable
from tests.responses.test_builder import STOP, SUMMARIZED, USAGE, builder, scripted_stream, whole_stream

ANY_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


class Shelf:
    """A stored response, whose rows become readable one at a time."""

    def __init__(self, rows: list[list[WireEvent]], *bodies: dict[str, Any]) -> None:
        self._rows = [pack(row) for row in rows]
        self._bodies = list(bodies)
        self._num_readable = 0

    def read(self, after: int) -> list[str]:
        self._num_readable += 1
        return [text for number, text in self._rows[: self._num_readable] if number > after]

    def look(self) -> dict[str, Any]:
        return self._bodies.pop(0) if len(self._bodies) > 1 else self._bodies[0]

    def follow(self, after: int = -1) -> list[WireEvent]:
        return [event for batch in follow_stored(ending, self.read, self.look, after, 60) for event in batch]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow_module, "POLL_SECONDS", 0)


def test_events_arrive_as_they_are_stored() -> None:
    events = whole_stream(builder())
    running = events[0]["response"]
    shelf = Shelf([events[:4], events[4:6], events[6:]], running, running, running, events[-1]["response"])
    assert shelf.follow() == events


def test_they_can_be_followed_from_the_middle_of_a_row() -> None:
    events = whole_stream(builder())
    assert Shelf([events], events[-1]["response"]).follow(after=4) == events[5:]


def test_rows_that_overlap_are_told_once() -> None:
    events = whole_stream(builder())
    assert Shelf([events[:5], events[3:]], events[-1]["response"]).follow() == events


def test_an_end_that_has_no_event_is_told() -> None:
    built = builder()
    opening = built.opening()
    cancelled = built.cancel(USAGE, 5)[-1]["response"]
    events = Shelf([opening], opening[0]["response"], cancelled).follow()
    assert events[:2] == opening
    assert (events[2]["type"], events[2]["sequence_number"]) == ("response.incomplete", 2)


def test_the_end_that_the_storage_has_written_itself_is_told() -> None:
    built = builder()
    opening = built.opening()
    last = {"type": "response.failed", "sequence_number": 2, "response": built.body | {"status": "failed"}}
    rows = [pack(opening)[1], json.dumps(last)]
    told = follow_stored(ending, lambda after: rows, lambda: last["response"], -1, 60)  # type: ignore[arg-type, return-value]
    assert [event for batch in told for event in batch] == [*opening, last]


@pytest.mark.parametrize("reason", ["stop", "length"])
def test_a_response_without_events_is_told_from_its_end(reason: FinishReason) -> None:
    response = whole_stream(builder(), reason)[-1]["response"]
    events = replay(response)
    for event in events:
        ANY_EVENT.validate_python(event, strict=True)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[-1]["response"] == response
    assert Shelf([], response).follow() == events
    assert Shelf([], response).follow(after=3) == events[4:]


def test_items_of_all_kinds_are_told_from_the_end() -> None:
    built = builder()
    scripted_stream(built)
    response = built.finish(STOP, USAGE, 5)[-1]["response"]
    events = replay(response)
    for event in events:
        ANY_EVENT.validate_python(event, strict=True)
    kinds = [event["type"] for event in events]
    assert kinds.count("response.output_item.done") == 4
    assert [event["delta"] for event in events if "delta" in event] == ["Hm.", "I look.", '{"a": 1}', "{}"]
    assert [event["name"] for event in events if event["type"].endswith("arguments.done")] == ["f", "g"]
    assert all(kind in kinds for kind in ("response.reasoning_text.done", "response.function_call_arguments.done"))


@pytest.mark.parametrize("reason", ["stop", "length"])
def test_thoughts_with_a_summary_are_told_from_the_end_as_they_were_told_first(reason: FinishReason) -> None:
    built = builder(**SUMMARIZED)
    told = scripted_stream(built, 1) + built.finish(End(reason), USAGE, 5)
    again = replay(told[-1]["response"])
    assert again[2:] == told[2:]
    for event in again:
        ANY_EVENT.validate_python(event, strict=True)


def test_a_silence_is_told_as_nothing() -> None:
    running = builder().opening()[0]["response"]
    assert next(follow_stored(ending, lambda after: [], lambda: running, -1, 0)) == []


@pytest.mark.parametrize("status", ["incomplete", "cancelled"])
def test_whoever_has_seen_more_than_there_is_gets_the_end_once(status: str) -> None:
    """A worker told events before it died, and could store none of them."""
    response = builder().body | {"status": status}
    (event,) = Shelf([], response).follow(after=146)
    assert (event["type"], event["sequence_number"]) == ("response.incomplete", 147)


def test_whoever_has_seen_the_end_gets_nothing() -> None:
    events = whole_stream(builder())
    assert Shelf([events], events[-1]["response"]).follow(after=events[-1]["sequence_number"]) == []


class Outage:
    """A database that does not answer some calls."""

    def __init__(self, num_calls: int) -> None:
        self.num_left = num_calls

    def look(self) -> dict[str, Any]:
        self.num_left -= 1
        if self.num_left >= 0:
            raise StorageUnavailable("away")
        return builder().body | {"status": "failed"}


def test_a_database_that_is_away_for_a_while_is_waited_for() -> None:
    told = list(follow_stored(ending, lambda after: [], Outage(3).look, -1, 60))
    assert [event["type"] for batch in told for event in batch][-1] == "response.failed"


def test_a_database_that_stays_away_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow_module, "PATIENCE_SECONDS", 0)
    with pytest.raises(StorageUnavailable):
        list(follow_stored(ending, lambda after: [], Outage(3).look, -1, 60))
