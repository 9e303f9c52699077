"""One client that floods the server with long texts does not keep another's small request waiting."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conformance.test_auth import bearer
from tests.live_server import LiveServer, parley

NUM_TEXTS = 40
TEXT = "The quick brown fox jumps over the lazy dog, said Bertha to 12345 others. "
ONE_TOKEN = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}

Ask = Callable[[str, object], int]


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with LiveServer(auth="keys", slots=1, max_waiting_requests=30) as server:
        yield server


def asker(server: LiveServer, user: str) -> Ask:
    """Sends a body with a key of that user, and returns the status of the answer."""
    parley(server, "users", "add", user)
    headers = bearer(parley(server, "keys", "create", user).stdout.strip()) | {"Content-Type": "application/json"}
    return lambda path, body: server.request("POST", path, json.dumps(body).encode(), headers)[0]


@pytest.mark.parametrize(
    ("path", "body", "refusal"),
    [
        ("/tokenize", {"content": (TEXT * 7000)[:499_000]}, None),
        ("/v1/completions", {"prompt": (TEXT * 7000)[:99_000], "max_tokens": 1}, 400),
    ],
    ids=["questions", "prompts that are too long"],
)
def test_a_small_request_overtakes_a_flood_of_long_texts(
    server: LiveServer, path: str, body: dict[str, object], refusal: int | None
) -> None:
    flood, other = asker(server, f"ada{refusal}"), asker(server, f"bob{refusal}")
    with ThreadPoolExecutor(NUM_TEXTS) as pool:
        asked = [pool.submit(flood, path, {**body, "user": str(number)}) for number in range(NUM_TEXTS)]
        assert other("/v1/chat/completions", ONE_TOKEN) == 200
        num_left = sum(not each.done() for each in asked)
        statuses = {each.result() for each in asked}
    assert num_left > 0
    assert statuses <= {refusal or 200, 429}
