"""After its first turn a conversation has a title that the model made, unless the client gave it one."""

from __future__ import annotations

from openai import OpenAI

from tests.live_server import LiveServer, wait_until


def title_of(client: OpenAI, conversation_id: str) -> str | None:
    title: str | None = client.conversations.retrieve(conversation_id).model_dump()["title"]
    return title


def take_turn(client: OpenAI, conversation_id: str) -> None:
    client.responses.create(
        conversation=conversation_id, input="What is the capital of France?", max_output_tokens=5, temperature=0
    )


def test_the_model_makes_a_title_after_the_first_turn(server: LiveServer, client: OpenAI) -> None:
    made = client.conversations.create()
    assert title_of(client, made.id) is None
    take_turn(client, made.id)
    title = wait_until(lambda: title_of(client, made.id), "a title")
    assert 0 < len(title or "") <= 60
    take_turn(client, made.id)
    assert title_of(client, made.id) == title


def test_a_title_of_the_clients_own_stays(client: OpenAI) -> None:
    made = client.conversations.create(extra_body={"title": "Mine"})
    take_turn(client, made.id)
    other = client.conversations.create()
    take_turn(client, other.id)
    wait_until(lambda: title_of(client, other.id), "the title of a later conversation")
    assert title_of(client, made.id) == "Mine"
