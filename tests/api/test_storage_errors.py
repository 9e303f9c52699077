from __future__ import annotations

import pytest

from server.api.storage_errors import client_error
from storage.errors import (
    ConversationLocked,
    DuplicateItem,
    DuplicatePrompt,
    RecordNotFound,
    ResponseEnded,
    StorageError,
    StorageUnavailable,
)


@pytest.mark.parametrize(
    ("error", "status", "param", "code"),
    [
        (RecordNotFound("conversation", "conv_1"), 404, None, None),
        (ConversationLocked("conv_1", "resp_1", 5.0), 400, "conversation", "conversation_locked"),
        (DuplicatePrompt("n"), 400, "name", "duplicate_name"),
        (DuplicateItem("msg_1"), 400, "items", "duplicate_item"),
        (ResponseEnded("resp_1", "completed"), 400, None, None),
        (StorageUnavailable("secret.host refused"), 503, None, "database_unavailable"),
    ],
)
def test_what_storage_refuses_has_openais_form(
    error: StorageError, status: int, param: str | None, code: str | None
) -> None:
    found = client_error(error)
    assert (found.status, found.param, found.code) == (status, param, code)
    assert "secret" not in found.message


def test_what_is_missing_is_named_in_openais_words() -> None:
    assert client_error(RecordNotFound("item", "msg_1")).message == "Item with id 'msg_1' not found."


def test_a_database_that_does_not_answer_may_be_asked_again() -> None:
    headers = client_error(StorageUnavailable("busy")).headers
    assert headers["Retry-After"] == "2"
    assert "x-should-retry" not in headers


def test_what_may_have_been_done_is_not_to_be_repeated() -> None:
    headers = client_error(StorageUnavailable("cut off", is_outcome_unknown=True)).headers
    assert headers["x-should-retry"] == "false"


def test_a_database_that_cannot_be_written_to_is_not_to_be_asked_again() -> None:
    error = client_error(StorageUnavailable("disk is full", is_unwritable=True))
    assert (error.status, error.headers["x-should-retry"]) == (503, "false")
    assert "its disk is full, or it may only be read" in error.message
