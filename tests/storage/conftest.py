"""Every test that asks for `database` runs on SQLite and on PostgreSQL, each time on an empty one.

Without PostgreSQL those tests are skipped, as the summary says; with CI=true they fail.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage import users
from storage.db.database import Database
from storage.records import User
from tests.live_server import CHECKOUT
from tests.storage import postgres


def require(is_there: bool) -> None:
    if is_there:
        return
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(postgres.HOW_TO_GET_IT)
    pytest.skip(postgres.HOW_TO_GET_IT)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Of a server on which databases may be created."""
    if given := os.environ.get(postgres.URL_VARIABLE):
        yield given
        return
    programs = postgres.find_programs()
    require(programs is not None)
    assert programs is not None
    with postgres.Cluster(programs) as cluster:
        yield cluster.url


@contextmanager
def own_cluster() -> Iterator[postgres.Cluster]:
    """A PostgreSQL that tests may kill."""
    programs = postgres.find_programs()
    require(programs is not None)
    assert programs is not None
    with postgres.Cluster(programs) as cluster:
        yield cluster


@pytest.fixture
def cluster() -> Iterator[postgres.Cluster]:
    with own_cluster() as cluster:
        yield cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'parley.db'}"
        return
    server = request.getfixturevalue("postgres_url")
    with postgres.temporary_database(server) as new:
        yield new


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def user(database: Database) -> User:
    return database.run(users.create, "ada")


@pytest.fixture
def stranger(database: Database) -> User:
    return database.run(users.create, "mallory")


@pytest.fixture
def dead_worker() -> str:
    """The name of a process of this machine that has ended."""
    program = "from storage.leases.workers import own_name; print(own_name())"
    return subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout.strip()
