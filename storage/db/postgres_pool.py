"""Connections to PostgreSQL, one per thread, that go from session to session as they are.

Pony's own has the server forget all settings of a connection (`DISCARD ALL`) after every session: a round trip for what
our sessions never change.
"""

from __future__ import annotations

from typing import Any

import psycopg2
from pony.orm.dbproviders.postgres import PGPool


class PostgresPool(PGPool):  # type: ignore[misc]  # Pony has no types
    """Pool of one thread: it is thread-local, so that each thread makes its own."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        super().__init__(psycopg2, **parameters)

    def release(self, con: Any) -> None:
        try:
            con.rollback()  # says nothing to the server unless a transaction is open
        except BaseException:
            self.drop(con)
            raise
