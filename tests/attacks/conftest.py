"""Servers to be attacked, of one worker: what disturbs it, disturbs everybody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live_server import LiveServer


@pytest.fixture(scope="package")
def victim() -> Iterator[LiveServer]:
    """Everybody may ask it."""
    with LiveServer(workers=1, slots=2, n_ctx=4096, max_body_mb=4) as server:
        yield server


@pytest.fixture(scope="package")
def locked() -> Iterator[LiveServer]:
    """Nobody may ask it without a key, and attackers have none."""
    with LiveServer(workers=1, slots=1, n_ctx=512, max_body_mb=4, auth="keys") as server:
        yield server
