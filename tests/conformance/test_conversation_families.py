"""Forks and their families over HTTP; none of it is in OpenAI's API."""

from __future__ import annotations

from typing import Any

import pytest
from openai import OpenAI

from tests.conformance.conversing import add, client_of, ids, said, send, texts
from tests.live_server import LiveServer


def fork(keeper: LiveServer, conversation_id: str, user: str = "ada", **body: Any) -> dict[str, Any]:
    status, forked = send(keeper, "POST", f"/{conversation_id}/fork", body, user)
    assert status == 200, forked
    return forked


def listed(keeper: LiveServer, query: str, user: str = "ada") -> list[dict[str, Any]]:
    status, answer = send(keeper, "GET", f"?{query}", user=user)
    assert status == 200, answer
    found: list[dict[str, Any]] = answer["data"]
    return found


def test_a_fork_says_where_it_comes_from(keeper: LiveServer, ada: OpenAI) -> None:
    made = ada.conversations.create(items=[said("one"), said("two"), said("three")])
    assert made.model_dump()["forked_from"] is None
    assert made.model_dump()["root_id"] == made.id
    one, two, _ = ids(ada.conversations.items.list(made.id, order="asc"))
    up_to_two = fork(keeper, made.id, item_id=two)
    assert up_to_two["forked_from"] == {"conversation_id": made.id, "item_id": two, "position": 2}
    before_three = fork(keeper, up_to_two["id"], before=two)
    assert before_three["forked_from"] == {"conversation_id": up_to_two["id"], "item_id": one, "position": 1}
    assert before_three["root_id"] == made.id
    assert texts(ada.conversations.items.list(before_three["id"])) == ["one"]
    nothing = fork(keeper, made.id, before=one)
    assert nothing["forked_from"] == {"conversation_id": made.id, "item_id": None, "position": 0}
    assert ada.conversations.items.list(nothing["id"]).data == []
    for again in (up_to_two, before_three, nothing):
        assert send(keeper, "GET", f"/{again['id']}") == (200, again)
    assert {one["id"] for one in listed(keeper, f"forked_from={made.id}")} == {up_to_two["id"], nothing["id"]}
    assert len(listed(keeper, f"root={made.id}")) == 4


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"item_id": "msg_1", "before": "msg_1"}, 400, "before"),
        ({"before": 5}, 400, "before"),
        ({"before": "msg_1"}, 404, None),
    ],
)
def test_a_bad_end_of_a_fork_is_named(
    keeper: LiveServer, ada: OpenAI, body: dict[str, Any], status: int, param: str | None
) -> None:
    made = ada.conversations.create()
    answered, answer = send(keeper, "POST", f"/{made.id}/fork", body)
    assert (answered, answer["error"]["param"]) == (status, param)


def test_roots_are_listed_once_with_their_families(keeper: LiveServer) -> None:
    with client_of(keeper, "families") as client:
        first, second, third = (client.conversations.create(items=[said("hi")]).id for _ in range(3))
        forked = fork(keeper, first, "families")["id"]
        add(client, second, "newer")
        add(client, forked, "newest")
        seen: list[dict[str, Any]] = []
        while True:
            after = f"&after={seen[-1]['id']}" if seen else ""
            _, page = send(keeper, "GET", f"?roots=true&limit=1{after}", user="families")
            seen += page["data"]
            if not page["has_more"]:
                break
        assert [one["id"] for one in seen] == [first, second, third]
        assert [one["family"]["num_conversations"] for one in seen] == [2, 1, 1]
        assert seen[0]["family"]["newest_conversation_id"] == forked
        assert seen[0]["family"]["active_response_ids"] == []
        assert all("family" not in one for one in listed(keeper, "", user="families"))


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("roots=1", "roots"),
        ("root=x", "root"),
        ("forked_from=msg_1", "forked_from"),
        ("roots=true&root=conv_1", "root"),
    ],
)
def test_a_bad_filter_is_named(keeper: LiveServer, query: str, param: str) -> None:
    status, answer = send(keeper, "GET", f"?{query}")
    assert (status, answer["error"]["param"]) == (400, param)


def test_another_users_family_does_not_exist(keeper: LiveServer, ada: OpenAI) -> None:
    made = ada.conversations.create()
    for name in ("root", "forked_from"):
        assert send(keeper, "GET", f"?{name}={made.id}", user="eve")[0] == 404
    assert send(keeper, "DELETE", f"/{made.id}?family=true", user="eve")[0] == 404
    assert send(keeper, "GET", f"/{made.id}")[0] == 200


def test_a_family_goes_on_without_its_root_or_ends_with_it(keeper: LiveServer) -> None:
    with client_of(keeper, "heirs") as client:
        root = client.conversations.create(items=[said("hi")]).id
        older, younger = (fork(keeper, root, "heirs")["id"] for _ in range(2))
        leaf = fork(keeper, younger, "heirs")["id"]
        client.conversations.delete(root)
        left = {one["id"]: one for one in listed(keeper, f"root={older}", user="heirs")}
        assert set(left) == {older, younger, leaf}
        assert left[younger]["forked_from"] is None
        assert left[leaf]["forked_from"]["conversation_id"] == younger
        status, answer = send(keeper, "DELETE", f"/{leaf}?family=maybe", user="heirs")
        assert (status, answer["error"]["param"]) == (400, "family")
        status, gone = send(keeper, "DELETE", f"/{leaf}?family=true", user="heirs")
        assert (status, gone) == (200, {"id": leaf, "object": "conversation.deleted", "deleted": True})
        assert listed(keeper, "", user="heirs") == []
