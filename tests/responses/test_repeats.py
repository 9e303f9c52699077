"""Which earlier attempt answers a repeated request, or is taken up by it."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.responses import ResponsesRequest, load_response
from server.errors.tree import InvalidRequest
from server.responses.repeats import NO_REPEAT, Repeat, find_repeat
from storage import conversations, responses, users
from storage.db.database import Database
from storage.records import Conversation


class Stage:
    """A conversation, and requests in it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.user_id = database.run(users.local_user).id
        self.conversation: Conversation = database.run(conversations.create, self.user_id)

    def wanted(self, text: str) -> ResponsesRequest:
        return load_response({"input": text, "conversation": self.conversation.public_id})

    def begin(self, text: str, key: str | None = None) -> str:
        body = {"id": f"resp_{text}", "created_at": 1, "status": "in_progress", "usage": None, "output": []}
        sent = list(self.wanted(text).input)
        self.database.run(
            responses.create,
            self.user_id,
            body,
            sent,
            owner="worker",
            lease_seconds=60,
            conversation_id=self.conversation.public_id,
            idempotency_key=key,
        )
        return str(body["id"])

    def end(self, response_id: str, status: str, reason: str | None = None) -> None:
        details = {"reason": reason} if status == "incomplete" else None
        ended: dict[str, Any] = {"status": status, "usage": {"total_tokens": 1}, "incomplete_details": details}
        body = self.database.run(responses.get, self.user_id, response_id).body | ended
        self.database.run(responses.finish, self.user_id, response_id, status, body, [])

    def repeat(self, text: str, **headers: str) -> Repeat:
        return find_repeat(self.database, self.user_id, self.wanted(text), headers.get)


@pytest.fixture
def stage(database: Database) -> Stage:
    return Stage(database)


KEY = {"Idempotency-Key": "k"}
RETRY = {"x-stainless-retry-count": "1"}


def test_a_first_request_repeats_nothing(stage: Stage) -> None:
    stage.end(stage.begin("a"), "incomplete")
    assert stage.repeat("a") == NO_REPEAT
    assert stage.repeat("a", **{"x-stainless-retry-count": "0"}) == NO_REPEAT
    assert stage.repeat("a", **KEY) == Repeat("k")


def test_whatever_was_made_under_a_key_is_the_answer(stage: Stage) -> None:
    made = stage.begin("a", "k")
    assert stage.repeat("a", **KEY) == Repeat("k", answered_by=made)
    stage.end(made, "completed")
    assert stage.repeat("a", **KEY) == Repeat("k", answered_by=made)


@pytest.mark.parametrize("status", ["failed", "incomplete"])
def test_an_attempt_that_broke_off_is_taken_up(stage: Stage, status: str) -> None:
    made = stage.begin("a", "k")
    stage.end(made, status)
    assert stage.repeat("a", **KEY) == Repeat("k", takes_up=made)
    assert stage.repeat("a", **RETRY) == Repeat(takes_up=made)


@pytest.mark.parametrize(
    ("status", "reason"), [("completed", None), ("incomplete", "max_output_tokens"), ("cancelled", None)]
)
def test_an_answer_that_somebody_may_have_got_is_not_that_of_a_retry(
    stage: Stage, status: str, reason: str | None
) -> None:
    """A user may say the same twice, and the first attempt of the second may have been refused."""
    stage.end(stage.begin("a"), status, reason)
    assert stage.repeat("a", **RETRY) == NO_REPEAT


def test_a_retry_of_what_is_still_being_answered_gets_that(stage: Stage) -> None:
    made = stage.begin("a")
    assert stage.repeat("a", **RETRY) == Repeat(answered_by=made)


def test_another_text_is_another_request(stage: Stage) -> None:
    stage.end(stage.begin("a", "k"), "failed")
    assert stage.repeat("b", **RETRY) == NO_REPEAT
    with pytest.raises(InvalidRequest, match="another request"):
        stage.repeat("b", **KEY)


def test_a_key_has_bounds_and_an_odd_retry_count_means_nothing(stage: Stage) -> None:
    with pytest.raises(InvalidRequest, match="256 characters"):
        stage.repeat("a", **{"Idempotency-Key": "k" * 256})
    stage.end(stage.begin("a"), "failed")
    for count in ("", "many", "-1", "²"):
        assert stage.repeat("a", **{"x-stainless-retry-count": count}) == NO_REPEAT
    assert stage.repeat("a", **{"x-stainless-retry-count": "9" * 5000}).takes_up == "resp_a"
