"""Events of a response as rows for the storage: one row for whatever happened since the last one.

A run of text deltas takes little more room than its text; every other event is kept as it is. A row is numbered by its
last event. It does not know the storage.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from server.responses.builder import Event

DELTA = "response.output_text.delta"
RUN = "deltas"
PLACE = ("item_id", "output_index", "content_index")


def pack(events: Sequence[Event]) -> tuple[int, str]:
    """The row's number and text. The events follow each other, and there is at least one."""
    packed: list[dict[str, Any]] = []
    for event in events:
        if event["type"] != DELTA or event["logprobs"]:
            packed.append(event)
        elif packed and packed[-1]["type"] == RUN and _place(packed[-1]) == _place(event):
            packed[-1]["texts"].append(event["delta"])
        else:
            run = {"type": RUN, "sequence_number": event["sequence_number"], **_place(event), "texts": [event["delta"]]}
            packed.append(run)
    return events[-1]["sequence_number"], msgspec.json.encode(packed).decode()


def unpack(text: str) -> Iterator[Event]:
    """The events of a row, in order. What the storage itself had to add is one event."""
    decoded = msgspec.json.decode(text)
    for entry in decoded if isinstance(decoded, list) else [decoded]:
        yield from _deltas(entry) if entry["type"] == RUN else (entry,)


def _deltas(run: dict[str, Any]) -> Iterable[Event]:
    for number, text in enumerate(run["texts"], start=run["sequence_number"]):
        yield {"type": DELTA, "sequence_number": number, **_place(run), "delta": text, "logprobs": []}


def _place(event: Event) -> dict[str, Any]:
    return {name: event[name] for name in PLACE}
