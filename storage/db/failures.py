"""What a database's exception means: try again, not available, or a mistake of ours.

Pony wraps what the driver raised, sometimes twice; the driver's is what counts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from pony.orm import core as pony

NOT_A_DATABASE = "file is not a database"
"""Message of sqlite3, which has no kind of error of its own for that."""

_UNWRITABLE = ("53100", "25006")
"""SQLSTATE of a full disk, and of a server that only reads."""

_TRANSACTION_ROLLBACK = "40"
"""SQLSTATE class of serialization failures and deadlocks."""


def is_worth_repeating(error: BaseException) -> bool:
    """Whether another session was in the way. The transaction was rolled back, and a second one may well succeed.

    That includes a row that somebody else created while we were about to: next time we shall find it.
    """
    return any(_is_conflict(cause) for cause in _causes(error))


def is_disconnect(error: BaseException) -> bool:
    """Whether the connection, and with it an uncommitted transaction, is gone."""
    return any(_is_disconnect(cause) for cause in _causes(error))


def is_unavailable(error: BaseException) -> bool:
    """Whether the database does not answer, does not let us in, is busy for too long, or has no more room."""
    return any(_is_operational(cause) for cause in _causes(error))


def is_unwritable(error: BaseException) -> bool:
    """Whether the database has no room, or may only be read: trying again is no use before somebody has seen to it."""
    return any(_is_unwritable(cause) for cause in _causes(error))


def describe(error: BaseException) -> str:
    """One line of the driver's own words."""
    *_, cause = _causes(error)
    words = str(cause).strip().splitlines()
    return words[0] if words else type(cause).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    while current is not None:
        yield current
        current = getattr(current, "original_exc", None) or _first_of_many(current)


def _first_of_many(error: BaseException) -> BaseException | None:
    """First of the errors that CommitException and its like hold, each as of sys.exc_info()."""
    exceptions = getattr(error, "exceptions", None)
    return exceptions[0][1] if exceptions else None


def _is_conflict(error: BaseException) -> bool:
    if isinstance(error, (pony.OptimisticCheckError, pony.UnrepeatableReadError, pony.IntegrityError)):
        return True
    if isinstance(error, sqlite3.OperationalError):
        return "locked" in str(error) or "busy" in str(error)
    return str(getattr(error, "pgcode", None) or "").startswith(_TRANSACTION_ROLLBACK)


def _is_unwritable(error: BaseException) -> bool:
    if isinstance(error, sqlite3.OperationalError):
        return "readonly" in str(error) or "is full" in str(error)
    return getattr(error, "pgcode", None) in _UNWRITABLE


def _is_disconnect(error: BaseException) -> bool:
    """Whether the driver lost its server: no SQLSTATE if it just went away, class 57 if it said goodbye."""
    if not type(error).__module__.startswith("psycopg2"):
        return False
    return _is_operational(error) and (getattr(error, "pgcode", None) or "57P").startswith("57P")


def _is_operational(error: BaseException) -> bool:
    """Whether the error is no fault of the statement: one of the DB-API's two kinds for that, or the file system's."""
    if isinstance(error, OSError):
        return True
    if isinstance(error, sqlite3.OperationalError):
        return not str(error).startswith(("no such", "near ", "table "))
    if str(error) == NOT_A_DATABASE:
        return True
    names = {kind.__name__ for kind in type(error).__mro__ if kind.__module__.startswith("psycopg2")}
    return bool(names & {"OperationalError", "InterfaceError"})
