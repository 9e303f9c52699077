"""People who talk in conversations while processes are killed, and remember what the server has acknowledged.

PARLEY_TEST_NUM_TURNS makes them talk longer: 240 by hand, little in a normal run.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, TypeVar

import openai
from openai import OpenAI

from tests.conformance.slow_client import RawStream
from tests.live_server import PATIENCE_SECONDS, LiveServer, wait_until

MODEL = "SmolLM2-135M-Instruct"
NUM_TURNS = int(os.environ.get("PARLEY_TEST_NUM_TURNS", "24"))
NUM_TALKERS = 4
T = TypeVar("T")

FATES = ("whole", "stream", "left", "background")

Kill = Callable[[], bool]
"""Kills something; whether there was something to kill."""


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
        self._num_turns = 0

    def __enter__(self) -> Talker:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def talk(self, num_turns: int) -> None:
        for _ in range(num_turns):
            self._num_turns += 1
            self._turn(f"turn {self._num_turns}", self._random.choice(FATES))

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

    def is_settled(self) -> bool:
        """Whether none of the items is still being generated."""
        return all(item.status != "in_progress" for item in self.items())


class Refused(Exception):
    """The raw client's word for an error before the stream."""


def may_be_repeated(error: openai.APIStatusError | Refused) -> bool:
    """Whether nothing of the turn was stored."""
    if isinstance(error, Refused):
        return True
    if error.status_code >= 500:
        return error.response.headers.get("x-should-retry") != "false"
    return error.code == "conversation_locked"


def kill_worker(server: LiveServer) -> bool:
    return _kill_one(server.workers)


def kill_engine(server: LiveServer) -> bool:
    return _kill_one(server.members("server.engine.host.process"))


def _kill_one(family: Sequence[Any]) -> bool:
    if family:
        random.choice(family).kill()
    return bool(family)


def talk_while_something_kills(server: LiveServer, victims: Sequence[Kill]) -> str:
    """All is there afterwards, and all can go on. `victims` take turns; the first comes soon. Says what happened."""
    is_over, kills = threading.Event(), list[bool]()
    with ExitStack() as stack:
        talkers = [stack.enter_context(Talker(server, seed)) for seed in range(NUM_TALKERS)]
        killer = threading.Thread(target=_kill_now_and_then, args=(victims, is_over, kills))
        threads = [threading.Thread(target=talker.talk, args=(NUM_TURNS // NUM_TALKERS,)) for talker in talkers]
        for thread in [*threads, killer]:
            thread.start()
        for thread in threads:
            thread.join()
        is_over.set()
        killer.join()
        assert any(kills)
        server.wait_until_ready()
        for talker in talkers:
            assert_all_is_there(talker)
            talker.talk(1)
            assert_all_is_there(talker)
        num_acknowledged = sum(len(talker.acknowledged) for talker in talkers)
        num_failures = sum(talker.num_failures for talker in talkers)
    assert num_acknowledged >= NUM_TALKERS
    return f"{sum(kills)} kills, {num_acknowledged} turns acknowledged, {num_failures} failed: all was there"


def _kill_now_and_then(victims: Sequence[Kill], is_over: threading.Event, kills: list[bool]) -> None:
    chance = random.Random(7)
    while not is_over.wait(2 + 3 * chance.random() if kills else 0.3):
        kills.append(victims[len(kills) % len(victims)]())


def assert_all_is_there(talker: Talker) -> None:
    for _, response_id in talker.acknowledged:
        assert talker.wait_for(response_id).status in ("completed", "incomplete", "failed", "cancelled")
    # One may have been stored and never acknowledged, whose worker is gone; another one ends it.
    wait_until(talker.is_settled, "the end of all turns")
    items = talker.items()
    assert len({item.id for item in items}) == len(items)
    asked = [item.content[0].text for item in items if item.role == "user"]
    told = [text for text, _ in talker.acknowledged]
    assert [text for text in asked if text in told] == told, f"once, in order: {asked} for {told}"
    assert [item.status for item in items if item.status == "in_progress"] == []
    answers = {item.id: item.content[0].text for item in items if item.role == "assistant"}
    for message_id, text in talker.ended.items():
        assert answers[message_id] == text
