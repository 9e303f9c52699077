"""Requests that a client repeats because it got no answer: each is answered, and what it says is stored once.

    Idempotency-Key            the client names the request itself
    x-stainless-retry-count    OpenAI's clients say that this is not the first time

By a key, whatever became of the first attempt is the answer. Without one, only an attempt that nobody got an answer of
counts, with the same input as the last turn of its conversation: a user may well say the same twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from schemas.responses import ResponsesRequest
from server.errors.tree import InvalidRequest
from storage import attempts
from storage.db.database import Database
from storage.records import Attempt

KEY_HEADER = "Idempotency-Key"
RETRY_HEADER = "x-stainless-retry-count"
MAX_KEY_LENGTH = 255

Header = Callable[[str], str | None]
"""Reads a header of the request, whatever its case; None if it is not there."""


@dataclass(frozen=True)
class Repeat:
    """What is known of earlier attempts at a request."""

    key: str | None = None
    answered_by: str | None = None
    """Response that is the answer already, or is going to be."""
    takes_up: str | None = None
    """Response that broke off, whose place the new one takes."""


NO_REPEAT = Repeat()


def find_repeat(database: Database, user_id: int, wanted: ResponsesRequest, header: Header) -> Repeat:
    """What earlier attempts have left.

    Raises:
        InvalidRequest: if the key is too long, or was used for another request.
        StorageError: if the database does not answer.
    """
    key = _key(header)
    if key is not None:
        return _by_key(key, database.run(attempts.of_key, user_id, key, wanted.input))
    if wanted.conversation_id is None or not is_retry(header):
        return NO_REPEAT
    last = database.run(attempts.last_of, user_id, wanted.conversation_id, wanted.input)
    if last is None or not last.has_equal_input:
        return NO_REPEAT
    if _has_broken_off(last):
        return Repeat(takes_up=last.response.public_id)
    return Repeat(answered_by=last.response.public_id) if last.response.is_running else NO_REPEAT


def is_retry(header: Header) -> bool:
    """Whether a client of OpenAI's sends its request again, of which it does not know what became."""
    count = header(RETRY_HEADER) or ""
    return count.isascii() and count.isdigit() and bool(count.strip("0"))


def _by_key(key: str, attempt: Attempt | None) -> Repeat:
    if attempt is None:
        return Repeat(key)
    if not attempt.has_equal_input:
        raise InvalidRequest(
            f"The {KEY_HEADER} was used for another request; please send a new one.", code="idempotency_key_reused"
        )
    public_id = attempt.response.public_id
    return Repeat(key, takes_up=public_id) if _has_broken_off(attempt) else Repeat(key, answered_by=public_id)


def _key(header: Header) -> str | None:
    key = header(KEY_HEADER)
    if key is not None and len(key) > MAX_KEY_LENGTH:
        raise InvalidRequest(f"The {KEY_HEADER} has {len(key)} characters; at most {MAX_KEY_LENGTH} are accepted.")
    return key or None


def _has_broken_off(attempt: Attempt) -> bool:
    """Whether it has ended and nobody got a whole answer. What a limit of the request cut off is what was wanted."""
    details = attempt.response.body.get("incomplete_details") or {}
    is_cut_short = attempt.response.status == "incomplete" and details.get("reason") is None
    return is_cut_short or attempt.response.status == "failed"
