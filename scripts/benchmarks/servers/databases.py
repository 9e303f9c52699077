"""Empty databases to measure on: files of SQLite, and a PostgreSQL that waits for the disk as one in use does."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.storage import postgres

NewUrl = Callable[[], str]
"""Makes an empty database; its URL."""


@contextmanager
def databases(scratch: Path, postgresql_url: str | None) -> Iterator[dict[str, NewUrl]]:
    """By kind. What was made on PostgreSQL is dropped in the end; without PostgreSQL there is SQLite only."""
    found: dict[str, NewUrl] = {"SQLite": lambda: f"sqlite:///{tempfile.mkdtemp(dir=scratch)}/parley.db"}
    with ExitStack() as stack:
        server_url = postgresql_url or _own_server(stack)
        if server_url is not None:
            found["PostgreSQL"] = lambda: stack.enter_context(postgres.temporary_database(server_url))
        yield found


def _own_server(stack: ExitStack) -> str | None:
    programs = postgres.find_programs()
    if programs is None:
        print("bench: PostgreSQL is not installed, only SQLite is measured", file=sys.stderr)
        return None
    return stack.enter_context(postgres.Cluster(programs, fsync="on")).url
