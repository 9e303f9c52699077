"""Responses that another worker makes, followed through the storage: what ends the stream is said in it."""

from __future__ import annotations

import pytest

from storage import responses, users
from storage.db.database import Database
from storage.leases import workers
from tests.backends.test_another_backend import RESPONSES, Stage, events_in


@pytest.fixture
def response_id(database: Database) -> str:
    body = {"id": "resp_elsewhere", "object": "response", "created_at": 1, "status": "in_progress", "output": []}
    owner = database.run(users.local_user).id
    database.run(responses.create, owner, body, [], owner=workers.own_name(), lease_seconds=60)
    return str(body["id"])


def test_a_response_that_is_deleted_under_its_followers_ends_their_stream_with_an_error(
    database: Database, response_id: str
) -> None:
    client = Stage(database).client
    stream = client.get(f"{RESPONSES}/{response_id}?stream=true&starting_after=7")  # has begun, and is read below
    client.delete(f"{RESPONSES}/{response_id}")
    (event,) = events_in(stream)
    assert (event["type"], event["sequence_number"]) == ("error", 8)
    assert "not found" in event["message"]
