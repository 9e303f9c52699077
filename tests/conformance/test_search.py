"""Search over HTTP; it is not in OpenAI's API."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from openai import OpenAI

from tests.conformance.conversing import USER, add, client_of, ids, said
from tests.live_server import LiveServer


def search(keeper: LiveServer, query: str, more: str = "", user: str = "seeker") -> tuple[int, dict[str, Any]]:
    path = f"/v1/conversations/search?query={quote(query)}{more}"
    status, answer, _ = keeper.request("GET", path, None, {USER: user})
    return status, answer


def test_a_match_is_a_conversation_an_item_and_a_snippet(keeper: LiveServer) -> None:
    with client_of(keeper, "seeker") as client:
        made = client.conversations.create(items=[said("first"), said("Where does tea grow?")], metadata={"a": "b"})
        client.post(f"/conversations/{made.id}", body={"title": "Plants"}, cast_to=dict[str, Any])
        _, item_id = ids(client.conversations.items.list(made.id, order="asc"))
        conversation = client.get(f"/conversations/{made.id}", cast_to=dict[str, Any])
    assert search(keeper, "TEA gro") == (
        200,
        {
            "object": "list",
            "data": [
                {
                    "object": "conversation.match",
                    "conversation": conversation,
                    "item_id": item_id,
                    "snippet": [
                        {"text": "Where does ", "is_match": False},
                        {"text": "tea", "is_match": True},
                        {"text": " ", "is_match": False},
                        {"text": "grow", "is_match": True},
                        {"text": "?", "is_match": False},
                    ],
                }
            ],
            "first_id": made.id,
            "last_id": made.id,
            "has_more": False,
        },
    )
    _, answer = search(keeper, "plants")
    [match] = answer["data"]
    assert (match["item_id"], match["snippet"]) == (None, [{"text": "Plants", "is_match": True}])
    assert search(keeper, "plants", user="eve")[1]["data"] == []


@pytest.mark.parametrize("order", ["newest", "rank"])
def test_matches_have_pages(keeper: LiveServer, order: str) -> None:
    user = f"pages-{order}"
    with client_of(keeper, user) as client:
        made = [client.conversations.create(items=[said(f"天气 {number}")]).id for number in range(5)]
        add(client, made[0], "newest")
    seen: list[str] = []
    while True:
        after = f"&after={seen[-1]}" if seen else ""
        status, page = search(keeper, "天气", f"&limit=2&order={order}{after}", user)
        assert status == 200
        seen += [match["conversation"]["id"] for match in page["data"]]
        assert page["last_id"] == seen[-1]
        if not page["has_more"]:
            break
    assert sorted(seen) == sorted(made)
    assert order == "rank" or seen == [made[0], *made[:0:-1]]


@pytest.mark.parametrize(
    "query", ['"', "AND", "tea OR (", "\0", "*", "\ud7ff", "'; DROP TABLE items; --", "%00", "🙂🙂"]
)
def test_rubbish_finds_nothing_or_words(keeper: LiveServer, query: str) -> None:
    assert search(keeper, query, user="nobody") == (
        200,
        {"object": "list", "data": [], "first_id": "", "last_id": "", "has_more": False},
    )


@pytest.mark.parametrize(
    ("query", "more", "param", "code"),
    [
        ("", "", "query", "missing_required_parameter"),
        ("x" * 257, "", "query", "invalid_value"),
        ("x", "&order=best", "order", "invalid_value"),
        ("x", "&limit=101", "limit", "invalid_value"),
        ("x", "&after=msg_1", "after", "invalid_value"),
    ],
)
def test_a_bad_search_is_named(keeper: LiveServer, query: str, more: str, param: str, code: str) -> None:
    status, answer = search(keeper, query, more)
    assert (status, answer["error"]["param"], answer["error"]["code"]) == (400, param, code)


def test_a_page_after_nothing_does_not_exist(keeper: LiveServer) -> None:
    assert search(keeper, "x", "&after=conv_1")[0] == 404


def test_an_answer_is_found_when_it_has_been_given(saying: OpenAI) -> None:
    conversation = saying.conversations.create()
    saying.responses.create(model="chatml", conversation=conversation.id, input="Say «xylophones sound»")
    found: dict[str, Any] = saying.get("/conversations/search?query=xylophone", cast_to=dict[str, Any])
    [match] = found["data"]
    assert match["conversation"]["id"] == conversation.id
    assert {"text": "xylophones", "is_match": True} in match["snippet"]
    saying.conversations.delete(conversation.id)
    found = saying.get("/conversations/search?query=xylophone", cast_to=dict[str, Any])
    assert found["data"] == []
