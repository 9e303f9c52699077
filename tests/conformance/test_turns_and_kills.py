"""Turns on many conversations while processes are killed: what was acknowledged is there once, in order, for good."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.conformance.talking import MODEL, kill_engine, kill_worker, talk_while_something_kills
from tests.live_server import LiveServer, wait_until


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with LiveServer(slots=4, n_ctx=4096, workers=2) as server:
        yield server


@pytest.fixture
def client(server: LiveServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client:
        yield client


def test_what_was_acknowledged_survives_whatever_is_killed(server: LiveServer) -> None:
    """Engines seldom: one that dies often is given ever more time to recover."""
    worker, database = partial(kill_worker, server), partial(hold_database, server)
    print(talk_while_something_kills(server, [partial(kill_engine, server), *[worker, worker, database, worker] * 5]))


def hold_database(server: LiveServer) -> bool:
    """Another process writes for a while, and then thinks better of it."""
    with closing(sqlite3.connect(Path(server.data_dir.name) / "parley.db", timeout=60, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM conversations")
        time.sleep(1)
        other.execute("ROLLBACK")
    return True


def test_a_killed_engine_fails_the_response_and_the_conversation_goes_on(server: LiveServer, client: OpenAI) -> None:
    server.wait_until_ready()
    conversation = client.conversations.create()
    stream = client.responses.create(
        model=MODEL,
        input="Tell me a story.",
        conversation=conversation.id,
        stream=True,
        extra_body={"ignore_eos": True},
    )
    kinds = []
    for event in stream:
        kinds.append(event.type)
        if kinds.count("response.output_text.delta") == 3:
            server.engine.kill()
    assert kinds[-2:] == ["error", "response.failed"]
    failed: Any = event.response  # type: ignore[union-attr]
    assert failed.usage.output_tokens >= kinds.count("response.output_text.delta")
    assert failed.usage.input_tokens > 0
    assert failed.completed_at >= failed.created_at
    assert failed.timings["predicted_n"] == failed.usage.output_tokens
    assert client.responses.retrieve(failed.id) == failed
    items = list(client.conversations.items.list(conversation.id, order="asc"))
    assert [item.status for item in items] == ["completed", "incomplete"]  # type: ignore[union-attr]
    server.wait_until_ready()
    again = client.responses.create(model=MODEL, input="Go on.", conversation=conversation.id, max_output_tokens=2)
    assert again.output_text


def test_a_killed_worker_leaves_what_there_was(server: LiveServer, client: OpenAI) -> None:
    server.wait_until_ready()
    conversation = client.conversations.create()
    stream = iter(
        client.responses.create(
            model=MODEL,
            input="Tell me a story.",
            conversation=conversation.id,
            stream=True,
            extra_body={"ignore_eos": True},
        )
    )
    response_id = next(stream).response.id  # type: ignore[union-attr]
    wait_until(
        lambda: len(list(client.conversations.items.list(conversation.id))) == 2, "some of the answer in storage"
    )
    for _ in range(8):  # each on a connection of its own, so that both workers answer
        running = server.get(f"/v1/responses/{response_id}")[1]
        assert running["status"] == "in_progress"
        assert running["output"][0]["content"][0]["text"]
    for worker in server.workers:
        worker.kill()
    with pytest.raises(openai.APIError):
        list(stream)
    server.wait_until_ready()
    ended = wait_until(lambda: _ended(client, response_id), "the end of its lease")
    assert ended.status == "incomplete"
    assert ended.output_text
    assert (ended.usage, ended.timings) == (None, None)
    assert ended.completed_at >= ended.created_at
    again = client.responses.create(model=MODEL, input="Go on.", conversation=conversation.id, max_output_tokens=2)
    assert again.output_text


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "a story"}], ids=["retry count", "key"])
def test_a_request_that_the_client_repeats_after_a_kill_is_stored_once(
    server: LiveServer, client: OpenAI, headers: dict[str, str]
) -> None:
    server.wait_until_ready()
    conversation = client.conversations.create()
    with OpenAI(base_url=server.base_url, api_key="none", max_retries=10) as retrying, ThreadPoolExecutor() as pool:
        answered = pool.submit(
            retrying.responses.create,
            model=MODEL,
            input="Tell me a story.",
            conversation=conversation.id,
            max_output_tokens=300,
            extra_body={"ignore_eos": True},
            extra_headers=headers,
        )
        wait_until(
            lambda: len(list(client.conversations.items.list(conversation.id))) == 2, "some of the answer in storage"
        )
        for worker in server.workers:
            worker.kill()
        response = answered.result()
    assert response.usage is not None
    assert response.usage.output_tokens == 300
    items = _items_of(server, conversation.id)
    assert [item.role for item in items] == ["user", "assistant"]
    assert items[1].content[0].text == response.output_text


def test_a_stream_whose_worker_was_killed_is_followed_to_one_end(server: LiveServer, client: OpenAI) -> None:
    server.wait_until_ready()
    begun = client.responses.create(
        model=MODEL, input="Tell me a story.", background=True, stream=True, extra_body={"ignore_eos": True}
    )
    seen: list[Any] = []

    def watch() -> None:
        for event in begun:
            seen.append(event)
            if len(seen) == 60:
                for worker in server.workers:
                    worker.kill()

    with pytest.raises(openai.APIError):
        watch()
    response_id, last = seen[0].response.id, seen[-1].sequence_number
    server.wait_until_ready()
    wait_until(lambda: _ended(client, response_id), "the end of its lease")
    rest = list(client.responses.retrieve(response_id, stream=True, starting_after=last))
    assert rest[-1].type == "response.incomplete"
    assert [event.type for event in rest].count("response.incomplete") == 1
    assert rest[0].sequence_number > last
    assert list(client.responses.retrieve(response_id, stream=True, starting_after=rest[-1].sequence_number)) == []


def test_a_server_that_is_stopped_finishes_what_is_in_the_background() -> None:
    with LiveServer(workers=1) as server:
        with OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client:
            begun = client.responses.create(
                model=MODEL, input="Hi", background=True, max_output_tokens=30, extra_body={"ignore_eos": True}
            )
        assert server.stop() == 0
        files = {path.name for path in Path(server.data_dir.name).glob("parley.db*")}
        assert files == {"parley.db", "parley.db.migrating"}  # the database is closed: all is in its one file
        server.start()
        with OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client:
            ended = client.responses.retrieve(begun.id)
        assert ended.incomplete_details is not None
        assert ended.incomplete_details.reason == "max_output_tokens"
        assert ended.usage is not None
        assert ended.usage.output_tokens == 30


def _ended(client: OpenAI, response_id: str) -> Any:
    try:
        response = client.responses.retrieve(response_id)
    except openai.APIConnectionError:
        return None
    return None if response.status in ("queued", "in_progress") else response


def _items_of(server: LiveServer, conversation_id: str) -> list[Any]:
    with OpenAI(base_url=server.base_url, api_key="none") as client:
        return list(client.conversations.items.list(conversation_id, order="asc"))
