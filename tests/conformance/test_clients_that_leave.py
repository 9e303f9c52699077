"""A client that leaves, or stops reading, costs the others nothing: one slot shows whether it is free again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.slow_client import STORY, RawStream
from tests.live_server import LiveServer

SHORT = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
LONG_PROMPT = {**STORY, "messages": [{"role": "user", "content": "once upon a time " * 400}]}


@pytest.fixture(scope="module")
def one_slot() -> Iterator[LiveServer]:
    """The next answer comes only if the slot is free again: the stories would take much longer than our patience."""
    with LiveServer(slots=1, n_ctx=20_000, ping_seconds=0.2, workers=1) as server:
        yield server


FOREVER = {**STORY, "max_tokens": 18_000}


def assert_slot_is_free(server: LiveServer) -> None:
    assert server.post("/v1/chat/completions", SHORT)[0] == 200


def test_while_it_is_streamed_to(one_slot: LiveServer) -> None:
    with RawStream(one_slot, FOREVER) as stream:
        stream.read_until(b'"content":"')
    assert_slot_is_free(one_slot)


def test_by_a_reset(one_slot: LiveServer) -> None:
    stream = RawStream(one_slot, FOREVER)
    stream.read_until(b'"content":"')
    stream.reset()
    assert_slot_is_free(one_slot)


def test_during_its_prefill(one_slot: LiveServer) -> None:
    with RawStream(one_slot, {**LONG_PROMPT, "max_tokens": 18_000}) as stream:
        stream.read_until(b'"role":"assistant"')  # the headers and the role leave before the prompt is computed
    assert_slot_is_free(one_slot)


def test_while_nothing_is_written(one_slot: LiveServer) -> None:
    with RawStream(one_slot, {**FOREVER, "stream": False}) as whole:
        with RawStream(one_slot, STORY) as waiting:
            waiting.read_until(b": ping")  # it waits for the slot, so the request before it is running
        del whole
    assert_slot_is_free(one_slot)


def test_while_it_waits_in_the_queue(one_slot: LiveServer) -> None:
    with RawStream(one_slot, FOREVER) as running:
        running.read_until(b'"content":"')
        with RawStream(one_slot, FOREVER) as waiting:
            waiting.read_until(b": ping")
    assert_slot_is_free(one_slot)


def test_a_client_that_stops_reading_holds_nobody_up(server: LiveServer) -> None:
    with RawStream(server, {**STORY, "n": 2}) as sleeper:
        sleeper.read_until(b'"content":"')
        with RawStream(server, {**STORY, "max_tokens": 200}) as reader:
            reader.read_until(b"[DONE]")
    assert_slot_is_free(server)
