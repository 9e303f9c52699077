"""Whose conversations and items they are, and what cannot be one."""

from __future__ import annotations

import json

import openai
import pytest
from openai import OpenAI

from tests.conformance.conversing import HELLO, send
from tests.live_server import LiveServer

NOWHERE = "conv_0000000000000000"


def test_what_is_anothers_is_as_unknown_as_what_is_not(keeper: LiveServer, ada: OpenAI) -> None:
    made = ada.conversations.create(items=[HELLO])
    item_id = ada.conversations.items.list(made.id).data[0].id
    for method, path, body in (
        ("GET", "", None),
        ("POST", "", {"metadata": {}}),
        ("POST", "", {"title": "mine"}),
        ("DELETE", "", None),
        ("POST", "/fork", {}),
        ("GET", "/items", None),
        ("POST", "/items", {"items": [HELLO]}),
        ("GET", f"/items/{item_id}", None),
        ("DELETE", f"/items/{item_id}", None),
    ):
        answers = [
            send(keeper, method, f"/{conversation_id}{path}", body, user=user)
            for conversation_id, user in ((made.id, "eve"), (NOWHERE, "ada"))
        ]
        assert [status for status, _ in answers] == [404, 404]
        foreign, unknown = (json.dumps(answer) for _, answer in answers)
        assert foreign.replace(made.id, NOWHERE) == unknown
    assert ada.conversations.retrieve(made.id) == made
    assert len(ada.conversations.items.list(made.id).data) == 1


def test_an_item_is_found_only_in_its_conversation(ada: OpenAI) -> None:
    made, other = ada.conversations.create(items=[HELLO]), ada.conversations.create(items=[HELLO])
    item_id = ada.conversations.items.list(made.id).data[0].id or ""
    for call in (ada.conversations.items.retrieve, ada.conversations.items.delete):
        with pytest.raises(openai.NotFoundError):
            call(item_id, conversation_id=other.id)


@pytest.mark.parametrize(
    ("method", "path", "param"),
    [
        ("GET", "/1", "conversation_id"),
        ("GET", "/conv_", "conversation_id"),
        ("GET", "/msg_1", "conversation_id"),
        ("GET", "/conv_%00", "conversation_id"),
        ("GET", "/conv_%C3%A9", "conversation_id"),
        ("GET", "/conv_" + "a" * 60, "conversation_id"),
        ("DELETE", "/resp_1", "conversation_id"),
        ("POST", "/1/fork", "conversation_id"),
        ("GET", "/1/items", "conversation_id"),
        ("GET", f"/{NOWHERE}/items/a%20b", "item_id"),
        ("DELETE", f"/{NOWHERE}/items/%00", "item_id"),
        ("GET", f"/{NOWHERE}/items?limit=0", "limit"),
        ("GET", f"/{NOWHERE}/items?limit=101", "limit"),
        ("GET", f"/{NOWHERE}/items?limit=x", "limit"),
        ("GET", f"/{NOWHERE}/items?order=up", "order"),
        ("GET", f"/{NOWHERE}/items?after=%00", "after"),
        ("GET", "?after=msg_1", "after"),
        ("GET", "?metadata[k]=%00", "metadata"),
    ],
)
def test_a_malformed_request_is_refused_before_anything_is_looked_up(
    keeper: LiveServer, method: str, path: str, param: str
) -> None:
    status, answer = send(keeper, method, path, {} if method == "POST" else None)
    assert (status, answer["error"]["param"], answer["error"]["type"]) == (400, param, "invalid_request_error")
