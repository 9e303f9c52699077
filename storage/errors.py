"""Every way in which storage says no.

StorageError
  StorageUnavailable      the database cannot be reached, or was busy for too long; try again
  RecordNotFound          no such record, or it is another user's
  ConversationLocked      another turn is going on in this conversation
  DuplicateName           a user of that name exists
  DuplicatePrompt         a prompt of that name exists
  DuplicateItem           an item of that id is in the conversation already
  ResponseEnded           the response has its end already; nothing more can be stored of it
  ResponseStillRunning    the response has no end yet; nothing can be built on it

It does not know HTTP.
"""

from __future__ import annotations

from typing import Literal

Kind = Literal["user", "key", "conversation", "item", "response", "prompt", "version"]


class StorageError(Exception):
    """Root of what storage raises on purpose."""


class StorageUnavailable(StorageError):
    """The database did not do it. Only if `is_outcome_unknown`, it may have done it.

    `is_unwritable`: its disk is full, or it may only be read.
    """

    def __init__(self, reason: str, *, is_outcome_unknown: bool = False, is_unwritable: bool = False) -> None:
        super().__init__(f"The database is not available: {reason}")
        self.reason = reason
        self.is_outcome_unknown = is_outcome_unknown
        self.is_unwritable = is_unwritable
        self.retry_after_seconds = 2


class RecordNotFound(StorageError):
    def __init__(self, kind: Kind, public_id: str) -> None:
        super().__init__(f"There is no {kind} '{public_id}'.")
        self.kind = kind
        self.public_id = public_id


class ConversationLocked(StorageError):
    def __init__(self, public_id: str, owner: str, seconds_left: float) -> None:
        super().__init__(f"Another turn is going on in conversation '{public_id}'.")
        self.public_id = public_id
        self.owner = owner
        """Public id of the response that is being made, or is about to be."""
        self.seconds_left = seconds_left
        """Time after which the owner's lease ends, if it is not renewed."""


class DuplicateName(StorageError):
    def __init__(self, name: str) -> None:
        super().__init__(f"A user called '{name}' exists already.")
        self.name = name


class DuplicatePrompt(StorageError):
    def __init__(self, name: str) -> None:
        super().__init__(f"A prompt called '{name}' exists already.")
        self.name = name


class DuplicateItem(StorageError):
    def __init__(self, public_id: str) -> None:
        super().__init__(f"Item '{public_id}' is in the conversation already.")
        self.public_id = public_id


class ResponseEnded(StorageError):
    def __init__(self, public_id: str, status: str) -> None:
        super().__init__(f"Response '{public_id}' has ended: it is {status}.")
        self.public_id = public_id
        self.status = status


class ResponseStillRunning(StorageError):
    def __init__(self, public_id: str, status: str) -> None:
        super().__init__(f"Response '{public_id}' is still {status}.")
        self.public_id = public_id
        self.status = status
