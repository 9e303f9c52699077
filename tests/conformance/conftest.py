"""One server with the demo model for all tests of this package that do not break it.

It has SQLite, or PostgreSQL with PARLEY_TEST_DATABASE=postgresql.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from openai import OpenAI

from tests.conformance.conversing import client_of
from tests.live_server import LiveServer
from tests.processes import SayingServer
from tests.storage import postgres
from tests.storage.conftest import cluster, postgres_url

__all__ = ["cluster", "postgres_url"]


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[LiveServer]:
    settings: dict[str, Any] = {"slots": 4, "max_body_mb": 1, "ping_seconds": 0.2, "max_waiting_requests": 64}
    with ExitStack() as stack:
        if os.environ.get("PARLEY_TEST_DATABASE") == "postgresql":
            url = request.getfixturevalue("postgres_url")
            settings["database_url"] = stack.enter_context(postgres.temporary_database(url))
        yield stack.enter_context(LiveServer(**settings))


@pytest.fixture
def client(server: LiveServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="session")
def saying_server() -> Iterator[LiveServer]:
    """Models called after chat templates, which say what the conversation tells them to: `told` in `saying`."""
    with SayingServer("thinking", "chatml", "instructions", "channels", ping_seconds=0.2) as server:
        yield server


@pytest.fixture
def saying(saying_server: LiveServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=saying_server.base_url, api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def keeper(request: pytest.FixtureRequest) -> Iterator[LiveServer]:
    """A server that keeps conversations in an empty database, and has no model. Users are named by X-User-ID."""
    with new_database(request) as database_url:
        settings: dict[str, Any] = {"database_url": database_url} if database_url else {}
        with LiveServer(
            waits=False, auth="header", model="/nowhere.gguf", max_body_mb=1, workers=2, **settings
        ) as server:
            yield server


@contextmanager
def new_database(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The URL of an empty database of the kind that the fixture's param says; None is the default."""
    if request.param == "sqlite":
        yield None
        return
    with postgres.temporary_database(request.getfixturevalue("postgres_url")) as url:
        yield url


@pytest.fixture
def ada(keeper: LiveServer) -> Iterator[OpenAI]:
    with client_of(keeper, "ada") as client:
        yield client


@pytest.fixture
def eve(keeper: LiveServer) -> Iterator[OpenAI]:
    with client_of(keeper, "eve") as client:
        yield client
