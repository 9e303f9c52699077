"""Drives an engine with a scripted model to the end of all requests, and reads what it said.

It does not know what the tests expect.
"""

from __future__ import annotations

from typing import Any

from server.engine.engine import Engine
from server.engine.sequence import Request
from server.engine.speaker import Output
from server.protocol.messages import Delta, Event, Finished
from server.protocol.values import SamplingParams
from tests.engine.fakes import FakeRunner

GREEDY = SamplingParams(temperature=0)


def make_engine(runner: FakeRunner, max_waiting_requests: int = 1000, max_waiting_tokens: int = 10**6) -> Engine:
    return Engine(runner, max_waiting_requests, max_waiting_tokens, 250)


def make_engine_that_copies(runner: FakeRunner) -> Engine:
    """An engine that never learns the speed of the fake, which computes faster than a copy that happens to be
    interrupted."""
    engine = make_engine(runner)
    engine._tiers.seconds_per_token = lambda: None
    return engine


def make_request(prompt: list[int], request_id: int = 1, **options: Any) -> Request:
    values = {"owner": "me", "max_tokens": 5, "sampling": GREEDY, **options}
    return Request(**values, request_id=request_id, prompt=prompt)


def run(engine: Engine, max_steps: int = 10_000) -> list[Event]:
    """Step until nothing is left to do."""
    events: list[Event] = []

    def hear(outputs: list[Output]) -> None:
        events.extend(event for _, event in outputs)

    while engine.has_work:
        hear(engine.step(hear))
        max_steps -= 1
        assert max_steps, "the engine does not come to an end"
    engine.check()
    return events


def text_of(events: list[Event], request_id: int = 1, choice: int = 0) -> str:
    deltas = [event for event in events if isinstance(event, Delta)]
    return "".join(delta.text for delta in deltas if (delta.request_id, delta.choice) == (request_id, choice))


def finishes(events: list[Event]) -> dict[tuple[int, int], Finished]:
    found = [event for event in events if isinstance(event, Finished)]
    by_choice = {(event.request_id, event.choice): event for event in found}
    assert len(by_choice) == len(found), "a choice finished twice"
    return by_choice


def letters(text: str) -> list[int]:
    return [ord(letter) for letter in text]
