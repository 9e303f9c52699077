"""The events of a stored response from any event on, on any worker.

A response that is being made here is followed in memory; one that is made by another worker through the storage, where
its events arrive every half second. One that was never streamed has no events of its own: its end is told as a stream
that is the same every time. It does not know HTTP.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gevent

from server.responses.builder import Event, is_terminal
from server.turns.event_rows import unpack

POLL_SECONDS = 0.25

Read = Callable[[int], Sequence[str]]
"""The next rows with events numbered higher than that."""

Look = Callable[[], dict[str, Any]]
"""The Response object as it is stored now."""


def follow_stored(read: Read, look: Look, after: int, silence_seconds: float) -> Iterator[list[Event]]:
    """Events numbered higher than `after` until the terminal one; [] after a silence."""
    quiet_until = time.monotonic() + silence_seconds
    last = after
    while True:
        response = look()  # before the events, which are stored no later than the end
        events = _unpacked(read(last), last)
        if events:
            last = events[-1]["sequence_number"]
            quiet_until = time.monotonic() + silence_seconds
            yield events
            if is_terminal(events[-1]):
                return
        elif response["status"] not in ("queued", "in_progress"):
            yield from _rest(response, after=last, has_events=last >= 0 and last > after)
            return
        elif time.monotonic() >= quiet_until:
            quiet_until = time.monotonic() + silence_seconds
            yield []
        else:
            gevent.sleep(POLL_SECONDS)


def replay(response: dict[str, Any]) -> list[Event]:
    """The stream of a response that has ended, as if each text had come in one piece."""
    events: list[dict[str, Any]] = []
    begun = {**response, "status": "in_progress", "completed_at": None, "error": None, "incomplete_details": None}
    begun |= {"output": [], "usage": None}
    events += [{"type": "response.created", "response": begun}, {"type": "response.in_progress", "response": begun}]
    for index, item in enumerate(response["output"]):
        events += _replayed_item(index, item)
    events.append(_terminal(response))
    return [_numbered(number, event) for number, event in enumerate(events)]


def _rest(response: dict[str, Any], after: int, has_events: bool) -> Iterator[list[Event]]:
    """What is missing of a response that ended without a terminal event in the storage."""
    if has_events:
        yield [_numbered(after + 1, _terminal(response))]
        return
    events = replay(response)
    yield [event for event in events if event["sequence_number"] > after]


def _numbered(number: int, event: dict[str, Any]) -> Event:
    return {"type": event["type"], "sequence_number": number, **event}


def _terminal(response: dict[str, Any]) -> dict[str, Any]:
    kind = "incomplete" if response["status"] == "cancelled" else response["status"]
    return {"type": f"response.{kind}", "response": response}


def _replayed_item(index: int, item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    begun = {**item, "status": "in_progress"}
    parts = item.get("content") or []
    begun |= {"content": []} if "content" in item else {}
    begun |= {"arguments": ""} if "arguments" in item else {}
    yield {"type": "response.output_item.added", "output_index": index, "item": begun}
    place = {"item_id": item["id"], "output_index": index}
    is_over = item["status"] != "in_progress"
    for number, part in enumerate(parts):
        yield from _replayed_part({**place, "content_index": number}, part, is_over)
    if item.get("arguments"):
        yield {"type": "response.function_call_arguments.delta", **place, "delta": item["arguments"]}
    if "arguments" in item and is_over:
        yield {"type": "response.function_call_arguments.done", **place, "arguments": item["arguments"]}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _replayed_part(place: dict[str, Any], part: dict[str, Any], is_over: bool) -> Iterator[dict[str, Any]]:
    kind = f"response.{part['type']}"
    has_logprobs = part["type"] == "output_text"
    told = {"logprobs": part.get("logprobs") or []} if has_logprobs else {}
    empty: dict[str, Any] = {"logprobs": []} if has_logprobs else {}
    yield {"type": "response.content_part.added", **place, "part": {**part, "text": "", **empty}}
    if part["text"]:
        yield {"type": f"{kind}.delta", **place, "delta": part["text"], **told}
    if is_over:
        yield {"type": f"{kind}.done", **place, "text": part["text"], **told}
        yield {"type": "response.content_part.done", **place, "part": part}


def _unpacked(rows: Sequence[str], after: int) -> list[Event]:
    """Each event once: rows may overlap, where it was not known whether the first of them had been stored."""
    events = []
    for row in rows:
        for event in unpack(row):
            if event["sequence_number"] > after:
                after = event["sequence_number"]
                events.append(event)
    return events
