"""Conversations that outnumber the slots, and that outlive the engine, compute only what is new."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam

from server.engine.kv.files import StateDir
from tests.engine.kv.test_files import PLENTY
from tests.live_server import LiveServer, wait_until


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with LiveServer(slots=1, kv_ram_mb=64, kv_disk_mb=64, n_ctx=1024, make_titles=False) as server:
        yield server


class Conversation:
    """A chat whose turns each bring about eighty tokens."""

    def __init__(self, number: int, **options: str) -> None:
        self._number = number
        self._options = options
        self._messages: list[ChatCompletionMessageParam] = []
        self.num_tokens = 0

    def turn(self, client: OpenAI) -> int:
        """Say something; returns how many tokens of the prompt were cached."""
        words = " ".join(f"{self._number} times {index}" for index in range(20))
        self._messages.append({"role": "user", "content": words})
        completion = client.chat.completions.create(
            model="SmolLM2-135M-Instruct",
            messages=self._messages,
            max_tokens=4,
            temperature=0,
            extra_body={"ignore_eos": True, **self._options},
        )
        self._messages.append({"role": "assistant", "content": completion.choices[0].message.content})
        assert completion.usage is not None
        assert completion.usage.prompt_tokens_details is not None
        self.num_tokens = completion.usage.total_tokens
        return completion.usage.prompt_tokens_details.cached_tokens or 0


def lengths_on_disk(server: LiveServer) -> list[int]:
    """How many tokens the states have that are on disk."""
    (of_model,) = (path for path in server.kv_dir.iterdir() if path.is_dir())
    return [len(state.tokens) for state in StateDir(server.kv_dir, of_model.name, PLENTY).load()]


def test_later_turns_hit_the_cache_with_more_conversations_than_slots(client: OpenAI) -> None:
    conversations = [Conversation(number) for number in range(3)]
    for conversation in conversations:
        conversation.turn(client)
    for conversation in conversations:
        before = conversation.num_tokens
        assert conversation.turn(client) >= 0.9 * before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_next_turn_hits_the_cache_after_a_restart(server: LiveServer, number: signal.Signals) -> None:
    """After SIGTERM at once; after a SIGKILL what has been written in the meantime."""
    conversation = Conversation(20 + number)
    with OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client:
        conversation.turn(client)
        conversation.turn(client)
    before = conversation.num_tokens
    fleeting = Conversation(3, prompt_cache_retention="in_memory")
    if number is signal.SIGTERM:
        with OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client:
            fleeting.turn(client)
        assert server.stop() == 0
    else:
        wait_until(lambda: before - 1 in lengths_on_disk(server), "the state on disk")
        server.kill()
    server.start()
    with OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client:
        assert conversation.turn(client) >= 0.9 * before
        if number is signal.SIGTERM:
            before = fleeting.num_tokens
            assert fleeting.turn(client) < 0.5 * before, "it must stay off the disk"
