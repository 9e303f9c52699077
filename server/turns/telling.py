"""An answer, told: what a backend makes, through a teller, as the events of the wire.

It does not know storage, greenlets or HTTP.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

from server.answers.answer import Answer, ClientLeft
from server.answers.parts import ChoicePart, End, PromptLogprobs
from server.errors.tree import ParleyError
from server.turns.teller import Teller, WireEvent


def produce(answer: Answer, teller: Teller, silence_seconds: float | None = None) -> Iterator[list[WireEvent]]:
    """What happens after the opening, in batches as it happens; the last one has the terminal event.

    An empty batch comes after `silence_seconds` in which nothing happened. The answer is closed with the iteration,
    however that ends.

    Raises:
        ParleyError: if the answer cannot go on.
        ClientLeft: if the client did.
    """
    with closing(answer):
        for batch in answer.batches(silence_seconds):
            yield [event for _, part in batch for event in _events(answer, teller, part)]


def rest(answer: Answer, teller: Teller) -> list[WireEvent]:
    """What was held back when the answer broke off."""
    return [event for _, part in answer.rest() for event in _events(answer, teller, part)]


def now_seconds() -> int:
    """When something ends: seconds since the epoch."""
    return int(time.time())


def tell(answer: Answer, teller: Teller, silence_seconds: float) -> Iterator[list[WireEvent]]:
    """The opening and all that `produce` makes, where what it raises has become the terminal event."""
    yield teller.opening()
    try:
        yield from produce(answer, teller, silence_seconds)
    except ClientLeft:
        yield [*rest(answer, teller), *teller.interrupt(answer.usage, now_seconds())]
    except ParleyError as error:
        yield [*rest(answer, teller), *teller.fail(error, answer.usage, now_seconds())]


def _events(answer: Answer, teller: Teller, part: ChoicePart) -> list[WireEvent]:
    match part:
        case End():
            return teller.finish(part, answer.usage, now_seconds())
        case PromptLogprobs():
            return []
        case _:
            return teller.take(part)
