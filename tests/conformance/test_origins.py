"""What a client can find out that opens a conversation anew: which response made what, and which one is being made."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.conformance.test_response_statistics import begin
from tests.conformance.test_responses import FOREVER, ask
from tests.live_server import LiveServer, wait_until

ORIGIN = "include[]=parley.origin"
SAME = ("id", "status", "model", "created_at", "completed_at", "usage", "timings", "incomplete_details", "error")
"""Fields of the Response object that a summary has, in their order."""


def get(server: LiveServer, path: str) -> dict[str, Any]:
    status, answer, _ = server.get(path)
    assert status == 200, answer
    return answer


def summary(server: LiveServer, response_id: str) -> dict[str, Any]:
    body = get(server, f"/v1/responses/{response_id}")
    return {name: body[name] for name in SAME}


def origins(server: LiveServer, path: str) -> list[dict[str, Any]]:
    """Of the listed items, after a check that nothing else is different."""
    plain = get(server, f"{path}?order=asc")
    shown = get(server, f"{path}?order=asc&{ORIGIN}")
    assert get(server, f"{path}?order=asc&include=parley.origin") == shown
    found = [item.pop("parley") for item in shown["data"]]
    assert shown == plain
    assert all(list(origin) == ["created_at", "response"] for origin in found)
    return found


def begin_in(client: OpenAI, conversation_id: str) -> Any:
    """A response in the background that has begun to speak."""
    begun = client.responses.create(background=True, conversation=conversation_id, **FOREVER)
    wait_until(lambda: client.responses.retrieve(begun.id).output_text, "some text")
    return begun


def test_items_know_the_response_that_made_them(server: LiveServer, client: OpenAI) -> None:
    conversation = client.conversations.create()
    made = [ask(client, conversation=conversation.id) for _ in range(2)]
    path = f"/v1/conversations/{conversation.id}/items"
    found = origins(server, path)
    expected = [summary(server, response.id) for response in made]
    assert [origin["response"] for origin in found] == [None, expected[0], None, expected[1]]
    assert list(found[1]["response"]) == list(SAME)
    assert [origin["created_at"] for origin in found] == sorted(origin["created_at"] for origin in found)
    assert made[0].created_at <= found[1]["created_at"] <= made[0].completed_at
    item_id = made[0].output[0].id
    assert get(server, f"{path}/{item_id}?{ORIGIN}")["parley"] == found[1]
    assert "parley" not in get(server, f"{path}/{item_id}")
    assert origins(server, f"/v1/responses/{made[1].id}/input_items") == [found[2]]
    forked = server.post(f"/v1/conversations/{conversation.id}/fork", {})[1]
    assert origins(server, f"/v1/conversations/{forked['id']}/items") == found
    added = server.post(f"{path}?{ORIGIN}", {"items": [{"role": "user", "content": "And now?"}]})[1]
    assert [item["parley"]["response"] for item in added["data"]] == [None]


def test_a_stopped_answer_says_so_beside_its_item(server: LiveServer, client: OpenAI) -> None:
    conversation = client.conversations.create()
    begun = begin_in(client, conversation.id)
    path = f"/v1/conversations/{conversation.id}/items"
    wait_until(lambda: len(get(server, path)["data"]) == 2, "some text in the storage")
    running = origins(server, path)[1]["response"]
    assert (running["id"], running["status"], running["usage"]) == (begun.id, "in_progress", None)
    client.responses.cancel(begun.id)
    ended = origins(server, path)[1]["response"]
    assert ended == summary(server, begun.id)
    assert (ended["status"], ended["usage"]["output_tokens"] > 0) == ("cancelled", True)


@pytest.mark.parametrize("path", ["", "/items", "/items/msg_1"])
def test_nothing_else_can_be_included(server: LiveServer, client: OpenAI, path: str) -> None:
    conversation = client.conversations.create()
    status, answer, _ = server.get(f"/v1/conversations/{conversation.id}{path}?include[]=parley.everything")
    assert (status, answer["error"]["param"]) == (400, "include[0]")


def test_what_is_refused_is_not_added(server: LiveServer, client: OpenAI) -> None:
    conversation = client.conversations.create()
    path = f"/v1/conversations/{conversation.id}/items"
    assert server.post(f"{path}?include=x", {"items": [{"role": "user", "content": "Hi"}]})[0] == 400
    assert get(server, path)["data"] == []


def test_a_conversation_names_the_response_that_is_being_made_in_it(server: LiveServer, client: OpenAI) -> None:
    conversation: Any = client.conversations.create()
    assert conversation.active_response_id is None
    path = f"/v1/conversations/{conversation.id}"
    begun = begin_in(client, conversation.id)
    assert get(server, path)["active_response_id"] == begun.id
    assert get(server, "/v1/conversations?limit=1")["data"][0]["active_response_id"] == begun.id
    assert server.post(path, {"title": "A story"})[1]["active_response_id"] == begun.id
    assert server.post(f"{path}/fork", {})[1]["active_response_id"] is None
    with pytest.raises(openai.BadRequestError, match=begun.id) as caught:
        ask(client, conversation=conversation.id)
    body: Any = caught.value.body
    assert {name: body[name] for name in body if name != "message"} == {
        "type": "invalid_request_error",
        "param": "conversation",
        "code": "conversation_locked",
        "response_id": begun.id,
    }
    client.responses.cancel(begun.id)
    wait_until(lambda: get(server, path)["active_response_id"] is None, "the end of its turn")
    elsewhere = begin(client)
    assert get(server, path)["active_response_id"] is None
    client.responses.cancel(elsewhere.id)


def test_a_conversation_tells_of_its_last_response(server: LiveServer, client: OpenAI) -> None:
    conversation = client.conversations.create()
    path = f"/v1/conversations/{conversation.id}"

    def last() -> Any:
        shown = get(server, f"{path}?include[]=parley.last_response")
        told = shown.pop("parley")
        assert shown == get(server, path)
        assert list(told) == ["last_response"]
        return told["last_response"]

    assert last() is None
    made = ask(client, conversation=conversation.id, max_output_tokens=2)
    assert last() == summary(server, made.id)
    assert last()["incomplete_details"] == {"reason": "max_output_tokens"}
    begun = begin_in(client, conversation.id)
    assert (last()["id"], last()["status"]) == (begun.id, "in_progress")
    client.responses.cancel(begun.id)
    assert last() == summary(server, begun.id)
    assert server.get("/v1/conversations/conv_none?include[]=parley.last_response")[0] == 404
