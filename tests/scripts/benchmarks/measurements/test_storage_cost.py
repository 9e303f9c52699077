"""scripts/bench storage: the engine that answers at once, and the long list."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.benchmarks import instant_engine
from scripts.benchmarks.asking.client import Raw
from scripts.benchmarks.asking.work import WorkRefused
from scripts.benchmarks.measurements.storage_cost import PAGE_SIZE, check, fill
from server.protocol.messages import Accepted, Delta, Finished, Submit
from server.protocol.values import SamplingParams, TextPiece
from storage import conversations, users
from storage.db.database import Database


def test_a_prompt_is_answered_at_once_and_to_the_end() -> None:
    submit = Submit(request_id=7, sampling=SamplingParams(), pieces=[TextPiece("x" * 40, False)])
    accepted, delta, finished = instant_engine.answer(submit)
    assert accepted == Accepted(7, 10)
    assert delta == Delta(7, 0, instant_engine.WORDS)
    assert finished == Finished(7, 0, "stop", instant_engine.NUM_TOKENS, 0)


def test_the_last_page_of_the_long_list_is_a_whole_one(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'parley.db'}", pool_size=1)
    before_last = database.run(fill, 3 * PAGE_SIZE)
    user = database.run(users.local_user)
    page = database.run(conversations.list_page, user.id, after=before_last, limit=PAGE_SIZE)
    database.close()
    assert (len(page.data), page.has_more) == (PAGE_SIZE, False)


def test_a_refusal_stops_the_measurement() -> None:
    refused = b'HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n\r\n{"error": {}}'
    with pytest.raises(WorkRefused, match="503"):
        check(Raw(0.0, ((1.0, refused),), 1.0, has_left=False))
    assert check(Raw(0.0, ((1.0, b"HTTP/1.1 200 OK\r\n\r\n[1"), (2.0, b"]")), 2.0, has_left=False)) == [1]
