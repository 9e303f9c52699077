"""PostgreSQL is stopped, killed and started again under a server: refusals are clear, and no turn is lost."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.conformance.talking import MODEL, kill_worker, talk_while_something_kills
from tests.live_server import LiveServer, wait_until
from tests.storage.conftest import own_cluster
from tests.storage.postgres import Cluster

AWAY_SECONDS = 0.5
WAYS = (signal.SIGKILL, signal.SIGQUIT, signal.SIGINT)
"""SIGKILL for all of its processes; SIGQUIT forgoes a clean end, too; SIGINT disconnects everybody and shuts down."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with own_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def server(cluster: Cluster) -> Iterator[LiveServer]:
    with LiveServer(slots=4, n_ctx=4096, workers=2, database_url=cluster.url) as server:
        yield server


@pytest.fixture
def client(server: LiveServer) -> Iterator[OpenAI]:
    server.wait_until_ready()
    with OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client:
        wait_until(lambda: can_store(client), "the database")
        yield client


def can_store(client: OpenAI) -> bool:
    try:
        client.conversations.create()
    except openai.InternalServerError:
        return False
    return True


@contextmanager
def outage(cluster: Cluster, way: signal.Signals) -> Iterator[None]:
    cluster.stop(way)
    try:
        yield
    finally:
        cluster.start()


def ask(client: OpenAI, conversation_id: str | None = None, **options: Any) -> Any:
    return client.responses.create(model=MODEL, input="Hi", conversation=conversation_id, **options)


@pytest.mark.parametrize("way", WAYS)
def test_a_turn_that_is_generated_meanwhile_is_not_lost(cluster: Cluster, client: OpenAI, way: signal.Signals) -> None:
    conversation = client.conversations.create()
    options: dict[str, Any] = {"max_output_tokens": 40, "extra_body": {"ignore_eos": True}}
    events = iter(ask(client, conversation.id, stream=True, **options))
    begun = next(events)
    behind = ask(client, background=True, **options)
    with outage(cluster, way):
        time.sleep(AWAY_SECONDS)  # both come to their end now
    *_, last = events
    assert last.type == "response.incomplete"
    assert last.response.usage.output_tokens == 40
    stored = client.responses.retrieve(begun.response.id)
    assert stored.output_text == last.response.output_text
    held = list(client.conversations.items.list(conversation.id, order="asc"))
    assert [item.role for item in held] == ["user", "assistant"]  # type: ignore[union-attr]
    ended = wait_until(lambda: _ended(client, behind.id), "the end of the other one")
    assert ended.usage.output_tokens == 40
    assert ask(client, conversation.id, max_output_tokens=2).output_text


def _ended(client: OpenAI, response_id: str) -> Any:
    response = client.responses.retrieve(response_id)
    return response if response.status not in ("queued", "in_progress") else None


def test_what_needs_no_storage_goes_on_and_the_rest_is_told_when_to_come_again(
    cluster: Cluster, server: LiveServer, client: OpenAI
) -> None:
    conversation = client.conversations.create()
    with outage(cluster, signal.SIGQUIT):
        for path, body in (
            ("/v1/conversations", {}),
            ("/v1/responses", {"input": "Hi"}),
            ("/v1/responses", {"input": "Hi", "conversation": conversation.id}),
        ):
            status, answer, headers = server.post(path, body)
            assert (status, answer["error"]["code"]) == (503, "database_unavailable")
            assert int(headers["retry-after"]) >= 1
            assert headers.get("x-should-retry") != "false"
        chat = client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "Hi"}], max_completion_tokens=2
        )
        assert chat.choices[0].message.content
        assert ask(client, store=False, max_output_tokens=2).output_text
        assert server.get("/healthz")[0] == 200
    patient = client.with_options(max_retries=100)
    assert ask(patient, conversation.id, max_output_tokens=2).output_text
    assert len(list(client.conversations.items.list(conversation.id))) == 2


def test_what_was_acknowledged_survives_databases_and_workers(cluster: Cluster, server: LiveServer) -> None:
    def end_database(way: signal.Signals) -> bool:
        with outage(cluster, way):
            return True

    victims = [end for way in WAYS for end in (partial(end_database, way), partial(kill_worker, server))]
    print(talk_while_something_kills(server, victims))
