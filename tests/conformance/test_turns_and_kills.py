"""Turns on many conversations while processes are killed: what was acknowledged is there once, in order, for good.

PARLEY_TEST_NUM_TURNS makes the loop longer: 240 by hand, few in a normal run.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeVar

import openai
import pytest
from openai import OpenAI

from tests.conformance.slow_client import RawStream
from tests.live_server import PATIENCE_SECONDS, LiveServer, wait_until

MODEL = "SmolLM2-135M-Instruct"
NUM_TURNS = int(os.environ.get("PARLEY_TEST_NUM_TURNS", "24"))
NUM_TALKERS = 4
T = TypeVar("T")

FATES = ("whole", "stream", "left", "background")


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with LiveServer(slots=4, n_ctx=4096, workers=2) as server:
        yield server


@pytest.fixture
def client(server: LiveServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client:
        yield client


class Talker:
    """Talks in one conversation, and remembers what the server has acknowledged."""

    def __init__(self, server: LiveServer, seed: int) -> None:
        self._server = server
        self._random = random.Random(seed)
        self._client = OpenAI(base_url=server.base_url, api_key="none", max_retries=0)
        self.conversation_id = self._patiently(self._client.conversations.create).id
        self.acknowledged: list[tuple[str, str]] = []
        """Texts of the user and ids of responses whose beginning or end was seen, in order."""
        self.ended: dict[str, str] = {}
        """Texts of responses whose end was seen, by the id of the message."""
        self.num_failures = 0

    def __enter__(self) -> Talker:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def talk(self, num_turns: int) -> None:
        for number in range(num_turns):
            self._turn(f"turn {number}", self._random.choice(FATES))

    def _turn(self, text: str, fate: str) -> None:
        options: dict[str, Any] = {
            "model": MODEL,
            "input": text,
            "conversation": self.conversation_id,
            "max_output_tokens": 12,
            "truncation": "auto",
            "extra_body": {"ignore_eos": True},
        }
        try:
            response = self._patiently(lambda: getattr(self, f"_{fate}")(text, options))
        except (openai.APIError, OSError, StopIteration):
            self.num_failures += 1
            return
        if response is not None and response.status == "incomplete" and response.incomplete_details.reason:
            self.ended[response.output[0].id] = response.output_text

    def _whole(self, text: str, options: dict[str, Any]) -> Any:
        response = self._client.responses.create(**options)
        self.acknowledged.append((text, response.id))
        return response

    def _stream(self, text: str, options: dict[str, Any]) -> Any:
        stream = self._client.responses.create(**options, stream=True)
        last = None
        for event in stream:
            if event.type == "response.created":
                self.acknowledged.append((text, event.response.id))
            last = event
        return getattr(last, "response", None)

    def _left(self, text: str, options: dict[str, Any]) -> None:
        body = {key: value for key, value in options.items() if key != "extra_body"}
        with RawStream(self._server, {**body, "stream": True, "ignore_eos": True}, "/v1/responses") as stream:
            try:
                stream.read_until(b"output_text.delta")
            except (AssertionError, OSError):
                pass
            for event in stream.documents():
                if event.get("type") == "response.created":
                    self.acknowledged.append((text, event["response"]["id"]))
                if event.get("error"):
                    raise Refused(event["error"]["code"])

    def _background(self, text: str, options: dict[str, Any]) -> Any:
        response = self._client.responses.create(**options, background=True)
        self.acknowledged.append((text, response.id))
        return self.wait_for(response.id)

    def wait_for(self, response_id: str) -> Any:
        return wait_until(lambda: self._ended(response_id), "the end of a response")

    def _ended(self, response_id: str) -> Any:
        try:
            response = self._client.responses.retrieve(response_id)
        except (openai.APIConnectionError, openai.InternalServerError):
            return None
        return None if response.status in ("queued", "in_progress") else response

    def _patiently(self, act: Callable[[], T]) -> T:
        """Until the conversation is free and the model is there again. A lost connection is not tried again."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return act()
            except (openai.APIStatusError, Refused) as error:
                if time.monotonic() > deadline or not may_be_repeated(error):
                    raise
            time.sleep(0.1)

    def items(self) -> list[Any]:
        return list(self._client.conversations.items.list(self.conversation_id, order="asc", limit=100))


class Refused(Exception):
    """The raw client's word for an error before the stream."""


def may_be_repeated(error: openai.APIStatusError | Refused) -> bool:
    """Whether nothing of the turn was stored."""
    if isinstance(error, Refused):
        return True
    if error.status_code >= 500:
        return error.response.headers.get("x-should-retry") != "false"
    return error.code == "conversation_locked"


def kill_now_and_then(server: LiveServer, is_over: threading.Event, kills: list[str]) -> None:
    """The first soon, so that there is one; engines seldom: one that dies often is given ever more time to recover."""
    chance = random.Random(7)
    while not is_over.wait(3 + 3 * chance.random() if kills else 0.3):
        victim = "worker" if len(kills) % 6 else "engine"
        family = server.members("server.engine.process") if victim == "engine" else server.workers
        if family:
            chance.choice(family).kill()
            kills.append(victim)


def test_what_was_acknowledged_survives_whatever_is_killed(server: LiveServer) -> None:
    with ExitStack() as stack:
        talkers = [stack.enter_context(Talker(server, seed)) for seed in range(NUM_TALKERS)]
        kills = talk_while_something_kills(server, talkers)
        assert kills
        server.wait_until_ready()
        for talker in talkers:
            assert_all_is_there(talker)
            talker.talk(1)  # and it can go on
    assert sum(len(talker.acknowledged) for talker in talkers) >= NUM_TALKERS
    print(f"{len(kills)} kills, {sum(t.num_failures for t in talkers)} turns failed, all was there")


def talk_while_something_kills(server: LiveServer, talkers: list[Talker]) -> list[str]:
    """All turns of all talkers at once. Returns what was killed meanwhile."""
    is_over, kills = threading.Event(), list[str]()
    killer = threading.Thread(target=kill_now_and_then, args=(server, is_over, kills))
    threads = [threading.Thread(target=talker.talk, args=(NUM_TURNS // NUM_TALKERS,)) for talker in talkers]
    for thread in [*threads, killer]:
        thread.start()
    for thread in threads:
        thread.join()
    is_over.set()
    killer.join()
    return kills


def assert_all_is_there(talker: Talker) -> None:
    for _, response_id in talker.acknowledged:
        assert talker.wait_for(response_id).status in ("completed", "incomplete", "failed", "cancelled")
    items = talker.items()
    assert len({item.id for item in items}) == len(items)
    asked = [item.content[0].text for item in items if item.role == "user"]
    told = [text for text, _ in talker.acknowledged]
    assert [text for text in asked if text in told] == told, "once, in order"
    assert [item.status for item in items if item.status == "in_progress"] == []
    answers = {item.id: item.content[0].text for item in items if item.role == "assistant"}
    for message_id, text in talker.ended.items():
        assert answers[message_id] == text


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
    for worker in server.workers:
        worker.kill()
    with pytest.raises(openai.APIError):
        list(stream)
    server.wait_until_ready()
    ended = wait_until(lambda: _ended(client, response_id), "the end of its lease")
    assert ended.status == "incomplete"
    assert ended.output_text
    again = client.responses.create(model=MODEL, input="Go on.", conversation=conversation.id, max_output_tokens=2)
    assert again.output_text


def test_a_server_that_is_stopped_finishes_what_is_in_the_background() -> None:
    with LiveServer(workers=1) as server:
        with OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client:
            begun = client.responses.create(
                model=MODEL, input="Hi", background=True, max_output_tokens=30, extra_body={"ignore_eos": True}
            )
        assert server.stop() == 0
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
