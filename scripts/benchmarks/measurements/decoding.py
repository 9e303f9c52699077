"""An engine in which every sequence decodes: brought there before steps are measured, and emptied afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from server.engine.engine import Engine
from server.engine.llama.model import Model
from server.engine.sequence import Request

NUM_WARM_UP = 4
"""Steps before the first that is measured; each sequence needs as many tokens more."""


@contextmanager
def decoding(model: Model, requests: Iterable[Request]) -> Iterator[Engine]:
    """An engine that has read all prompts and done its first steps; at the end it does what is left."""
    engine = Engine(model, 1000, 10**6, max_step_ms=10_000)
    for request in requests:
        engine.submit(request)
    while not all(sequence.num_completion_tokens for sequence in engine._scheduler.running):
        engine.step()
    for _ in range(NUM_WARM_UP):
        engine.step()
    yield engine
    while engine.has_work:
        engine.step()
