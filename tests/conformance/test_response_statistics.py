"""What a response took, in whichever way it ended: tokens, times, and when that was. The client's types do not mind."""

from __future__ import annotations

import time
from typing import Any

import pytest
from openai import OpenAI
from openai.types.responses import Response

from tests.conformance.slow_client import RawStream
from tests.conformance.test_responses import FOREVER, PATH, ask, events_of, text_of
from tests.conformance.test_wire import check_timings
from tests.live_server import LiveServer, wait_until

NUM_SLOTS = 4
"""Of the server of this package."""


def timings_of(response: Any) -> dict[str, Any]:
    """Of a response that has ended, after a check of all that must be true of it."""
    Response.model_validate(response.model_dump(by_alias=True), strict=True)
    usage, timings = response.usage, response.timings
    counts = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.input_tokens_details.cached_tokens},
    }
    check_timings(timings, counts)
    assert 0 <= timings["queue_ms"] <= timings["first_token_ms"]
    assert response.created_at <= response.completed_at <= time.time()
    return dict(timings)


def begin(client: OpenAI) -> Any:
    return client.responses.create(background=True, **FOREVER)


@pytest.mark.parametrize("store", [True, False])
def test_timings_come_with_the_end(client: OpenAI, store: bool) -> None:
    events = events_of(ask(client, store=store, stream=True))
    assert [event.response.timings for event in events[:2]] == [None, None]
    told = timings_of(events[-1].response)
    assert timings_of(ask(client, store=store))["predicted_n"] == told["predicted_n"]
    if store:
        assert timings_of(client.responses.retrieve(events[-1].response.id)) == told


def test_a_response_that_the_token_limit_cut_off_has_all_of_them(client: OpenAI) -> None:
    response = ask(client, max_output_tokens=3)
    assert (response.status, timings_of(response)["predicted_n"]) == ("incomplete", 3)


def test_a_cancelled_response_has_what_was_computed_until_then(client: OpenAI) -> None:
    begun = begin(client)
    wait_until(lambda: client.responses.retrieve(begun.id).output_text, "some text")
    cancelled = client.responses.cancel(begun.id)
    told = text_of(list(client.responses.retrieve(begun.id, stream=True)))
    assert cancelled.output_text == told
    assert 0 < timings_of(cancelled)["predicted_n"] <= len(told)
    assert timings_of(client.responses.retrieve(begun.id)) == cancelled.timings  # type: ignore[attr-defined]


def test_so_has_one_whose_client_left(server: LiveServer, client: OpenAI) -> None:
    with RawStream(server, {"input": "Tell me a story.", "ignore_eos": True, "stream": True}, PATH) as stream:
        stream.read_until(b"output_text.delta")
        response_id = next(iter(stream.documents()))["response"]["id"]
    wait_until(lambda: client.responses.retrieve(response_id).status == "incomplete", "the end")
    assert timings_of(client.responses.retrieve(response_id))["predicted_n"] > 0


def test_waiting_for_a_slot_is_told_apart(client: OpenAI) -> None:
    running = [begin(client) for _ in range(NUM_SLOTS)]
    wait_until(lambda: all(client.responses.retrieve(one.id).output_text for one in running), "a full engine")
    waiting = begin(client)
    waits_since = time.monotonic()
    for one in running[1:]:
        assert client.responses.retrieve(one.id).status == "in_progress", "the engine is not full any more"
    waited = time.monotonic() - waits_since
    client.responses.cancel(running[0].id)
    wait_until(lambda: client.responses.retrieve(waiting.id).output_text, "its turn")
    timings = timings_of(client.responses.cancel(waiting.id))
    assert timings["queue_ms"] >= waited * 1000
    for one in running[1:]:
        client.responses.cancel(one.id)


def test_one_that_is_cancelled_while_it_waits_has_no_first_token(client: OpenAI) -> None:
    running = [begin(client) for _ in range(NUM_SLOTS)]
    wait_until(lambda: all(client.responses.retrieve(one.id).output_text for one in running), "a full engine")
    cancelled: Any = client.responses.cancel(begin(client).id)
    for one in running:
        client.responses.cancel(one.id)
    timings = cancelled.timings
    assert (timings["first_token_ms"], timings["queue_ms"]) == (None, None)
    assert (timings["prompt_n"], timings["predicted_n"]) == (0, 0)
    assert (cancelled.usage.output_tokens, cancelled.completed_at >= cancelled.created_at) == (0, True)
