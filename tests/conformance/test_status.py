"""`GET /v1/status`: what a page asks first. With keys and proxies it says who is asking."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from server import __version__
from tests.conformance.conversing import USER
from tests.live_server import LiveServer, wait_until

PATH = "/v1/status"


def limits_of(server: LiveServer) -> dict[str, int]:
    status, answer, headers = server.get(PATH)
    assert status == 200, answer
    assert headers["cache-control"] == "no-store"
    limits: dict[str, int] = answer["limits"]
    return limits


def test_without_users_nobody_is_named(server: LiveServer) -> None:
    status, answer, _ = server.get(PATH)
    assert status == 200
    assert {name: answer[name] for name in answer if name not in ("limits", "started_at")} == {
        "object": "status",
        "version": __version__,
        "auth": "off",
        "user": None,
        "titles": True,
    }
    assert time.time() - 24 * 3600 < answer["started_at"] <= time.time()
    assert server.post(PATH, {})[0] == 405


def items(number: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": "Hi"}] * number


@pytest.mark.parametrize(
    ("limit", "path", "body"),
    [
        ("max_title_characters", "/v1/conversations", lambda most: {"title": "x" * most}),
        ("max_new_items", "/v1/conversations", lambda most: {"items": items(most)}),
        ("max_metadata_pairs", "/v1/conversations", lambda most: {"metadata": {f"{n}": "" for n in range(most)}}),
        ("max_metadata_key_characters", "/v1/conversations", lambda most: {"metadata": {"x" * most: ""}}),
        ("max_metadata_value_characters", "/v1/conversations", lambda most: {"metadata": {"x": "x" * most}}),
    ],
)
def test_what_is_within_a_limit_is_taken_and_what_is_beyond_it_is_not(
    server: LiveServer, limit: str, path: str, body: Callable[[int], Any]
) -> None:
    most = limits_of(server)[limit]
    assert server.post(path, body(most))[0] == 200
    assert server.post(path, body(most + 1))[0] == 400


def test_so_it_is_with_pages_bodies_and_inputs(server: LiveServer) -> None:
    limits = limits_of(server)
    for number, expected in ((limits["max_page_length"], 200), (limits["max_page_length"] + 1, 400)):
        assert server.get(f"/v1/conversations?limit={number}")[0] == expected
    too_many = {"input": items(limits["max_input_items"] + 1), "max_output_tokens": 1}
    assert server.post("/v1/responses", too_many)[1]["error"]["param"] == "input"
    size = limits["max_body_mb"] << 20
    for length, expected in ((size, 400), (size + 1, 413)):  # it is no JSON
        assert server.request("POST", "/v1/conversations", b"x" * length)[0] == expected


def test_whoever_is_recognised_is_named(keeper: LiveServer) -> None:
    answer = keeper.request("GET", PATH, headers={USER: "ada"})[1]
    assert (answer["auth"], answer["user"]["name"]) == ("header", "ada")
    assert answer["user"]["id"].startswith("user_")
    assert keeper.request("GET", PATH, headers={USER: "eve"})[1]["user"]["id"] != answer["user"]["id"]


def test_nobody_else_is_told_anything(keeper: LiveServer) -> None:
    assert keeper.request("GET", PATH)[0] == 401


def test_every_worker_knows_when_the_server_was_started(keeper: LiveServer) -> None:
    def told() -> set[int]:
        return {keeper.request("GET", PATH, headers={USER: "ada"})[1]["started_at"] for _ in range(12)}

    before, old = told(), keeper.workers
    for worker in old:
        worker.kill()
    wait_until(lambda: len(set(keeper.workers) - set(old)) == len(old), "new workers")
    assert told() == before
    assert len(before) == 1
