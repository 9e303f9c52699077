"""Streams end when the key that asked for them is revoked or expires, or its user is disabled."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openai import APIError, OpenAI

from tests.conformance.slow_client import STORY
from tests.conformance.test_auth import MODEL, bearer
from tests.live_server import LiveServer, parley


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with LiveServer(auth="keys", workers=2, n_ctx=40_000, slots=2) as server:
        yield server


def make_key(server: LiveServer, user: str, *options: str) -> tuple[str, str]:
    parley(server, "users", "add", user)
    made = json.loads(parley(server, "keys", "create", user, "--json", *options).stdout)
    return made["id"], made["secret"]


def assert_ends(server: LiveServer, secret: str, lose: Callable[[], object]) -> None:
    """A stream goes on until `lose`, and ends with an error event then; nobody works on it any more."""
    with OpenAI(base_url=server.base_url, api_key=secret, max_retries=0) as client:
        stream = client.chat.completions.create(
            model=MODEL, messages=STORY["messages"], stream=True, extra_body={"ignore_eos": True}
        )
        next(iter(stream))
        lose()
        with pytest.raises(APIError) as caught:
            for _ in stream:
                pass
    assert caught.value.code == "invalid_api_key"
    assert "revoked" in caught.value.message


def test_a_revoked_key_ends_its_stream(server: LiveServer) -> None:
    key_id, secret = make_key(server, "ann")
    assert_ends(server, secret, lambda: parley(server, "keys", "revoke", key_id))


def test_a_disabled_user_ends_its_streams(server: LiveServer) -> None:
    _, secret = make_key(server, "bea")
    assert_ends(server, secret, lambda: parley(server, "users", "disable", "bea"))


def test_a_key_that_expires_ends_its_stream(server: LiveServer) -> None:
    when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 15))
    _, secret = make_key(server, "cid", "--expires", when)
    assert_ends(server, secret, lambda: None)


def test_a_whole_answer_becomes_a_401(server: LiveServer) -> None:
    _, secret = make_key(server, "dan", "--expires", time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 15)))
    body = {**STORY, "stream": False, "max_tokens": 30_000}
    headers = bearer(secret) | {"Content-Type": "application/json"}
    status, answer, _ = server.request("POST", "/v1/chat/completions", json.dumps(body).encode(), headers)
    assert (status, answer["error"]["code"]) == (401, "invalid_api_key")


def test_another_key_of_the_same_user_goes_on(server: LiveServer) -> None:
    key_id, secret = make_key(server, "eve")
    other = parley(server, "keys", "create", "eve").stdout.strip()
    with OpenAI(base_url=server.base_url, api_key=other, max_retries=0) as client:
        stream = client.chat.completions.create(
            model=MODEL, messages=STORY["messages"], stream=True, extra_body={"ignore_eos": True}
        )
        chunks = iter(stream)
        next(chunks)
        assert_ends(server, secret, lambda: parley(server, "keys", "revoke", key_id))
        for _ in range(20):
            next(chunks)
        stream.close()


def test_a_revoked_key_follows_a_stored_answer_no_further(server: LiveServer) -> None:
    key_id, secret = make_key(server, "gus")
    other = parley(server, "keys", "create", "gus").stdout.strip()
    owner = OpenAI(base_url=server.base_url, api_key=other, max_retries=0)
    follower = OpenAI(base_url=server.base_url, api_key=secret, max_retries=0)
    with owner, follower:
        made = owner.responses.create(
            model=MODEL, input="Tell a story.", background=True, stream=True, extra_body={"ignore_eos": True}
        )
        response_id = next(iter(made)).response.id  # type: ignore[union-attr]
        made.close()
        stream = follower.responses.retrieve(response_id, stream=True)
        events: Any = iter(stream)
        next(events)
        parley(server, "keys", "revoke", key_id)
        last = list(events)[-1]
        assert (last.type, last.code) == ("error", "invalid_api_key")
        assert owner.responses.retrieve(response_id).status == "in_progress"
        owner.responses.cancel(response_id)


def test_a_user_whom_a_proxy_names_is_disabled_in_the_same_way() -> None:
    with LiveServer(auth="header", n_ctx=40_000) as server:
        headers = {"X-User-ID": "fay", "Content-Type": "application/json"}
        body = {**STORY, "stream": False, "max_tokens": 2}
        assert server.request("POST", "/v1/chat/completions", json.dumps(body).encode(), headers)[0] == 200
        with OpenAI(base_url=server.base_url, api_key="-", max_retries=0, default_headers=headers) as client:
            stream = client.chat.completions.create(
                model=MODEL, messages=STORY["messages"], stream=True, extra_body={"ignore_eos": True}
            )
            next(iter(stream))
            parley(server, "users", "disable", "fay")
            with pytest.raises(APIError) as caught:
                for _ in stream:
                    pass
        assert caught.value.code == "account_deactivated"
