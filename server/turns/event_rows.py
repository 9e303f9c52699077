"""Events of a turn as rows for the storage: one row for whatever happened since the last one.

A run of text deltas takes little more room than its text; every other event is kept as it is. A row is numbered by its
last event. It does not know the storage.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from server.turns.teller import WireEvent

EventRow = tuple[int, str]
"""A row: the number of its last event, and its text."""

DELTA = ".delta"
RUN = "deltas"
OF_ITSELF = ("type", "sequence_number", "delta")
"""Fields that are not the same in all deltas of a run."""


def pack(events: Sequence[WireEvent]) -> EventRow:
    """The row of one or more events that follow each other."""
    packed: list[dict[str, Any]] = []
    for event in events:
        if not event["type"].endswith(DELTA) or event.get("logprobs"):
            packed.append(event)
            continue
        common = {"of": event["type"], **{name: value for name, value in event.items() if name not in OF_ITSELF}}
        if packed and packed[-1]["type"] == RUN and packed[-1]["common"] == common:
            packed[-1]["texts"].append(event["delta"])
        else:
            number = event["sequence_number"]
            packed.append({"type": RUN, "sequence_number": number, "common": common, "texts": [event["delta"]]})
    return events[-1]["sequence_number"], msgspec.json.encode(packed).decode()


def unpack(text: str) -> Iterator[WireEvent]:
    """The events of a row, in order. What the storage itself had to add is one event."""
    decoded = msgspec.json.decode(text)
    for entry in decoded if isinstance(decoded, list) else [decoded]:
        yield from _deltas(entry) if entry["type"] == RUN else (entry,)


def _deltas(run: dict[str, Any]) -> Iterable[WireEvent]:
    common = dict(run["common"])
    kind = common.pop("of")
    for number, text in enumerate(run["texts"], start=run["sequence_number"]):
        yield {"type": kind, "sequence_number": number, "delta": text, **common}
