"""The pool: native threads under greenlets, also in a process that gevent has patched."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import gevent
import pytest

from storage import users
from storage.db.database import DEFAULT_POOL_SIZE, Database
from storage.db.session import writes
from storage.db.sql import execute
from storage.errors import StorageUnavailable
from storage.records import User
from tests.live_server import CHECKOUT

PATCHED = """
import logging, sys
from storage.db.database import Database
from gevent import monkey
monkey.patch_all()
import gevent
from server.http.native_log_locks import use_native_log_locks
from storage import conversations, items, users
logging.basicConfig(stream=sys.stderr, level=logging.DEBUG)
use_native_log_locks()
database = Database(sys.argv[1], pool_size=8)
user = database.run(users.local_user)
conversation = database.run(conversations.create, user.id)
beats = []
def beat():
    while True:
        beats.append(1)
        logging.debug("beat")
        gevent.sleep(0.001)
def noisy(db, number):
    logging.debug("in a thread")
    return items.add(db, user.id, conversation.public_id, [{"type": "message", "content": str(number)}])
heart = gevent.spawn(beat)
calls = [gevent.spawn(database.run, noisy, number) for number in range(200)]
calls += [gevent.spawn(database.run, items.list_page, user.id, conversation.public_id, limit=3) for _ in range(200)]
gevent.joinall(calls, raise_error=True)
print(len(database.run(items.list_all, user.id, conversation.public_id)), len(beats) > 5)
heart.kill()
database.close()
"""

TOO_LATE = """
from gevent import monkey
monkey.patch_all()
from storage.db.database import Database
Database("sqlite:////tmp/never.db")
"""


def test_it_works_in_a_patched_process_while_greenlets_go_on(url: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", PATCHED, url], cwd=CHECKOUT, capture_output=True, text=True, timeout=300, check=False
    )
    assert run.stdout == "200 True\n", run.stderr[-3000:]


def test_pony_after_the_patching_is_refused() -> None:
    run = subprocess.run([sys.executable, "-c", TOO_LATE], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert "RuntimeError: Pony was imported after gevent's monkey patching" in run.stderr


def test_calls_run_in_a_bounded_number_of_native_threads(database: Database) -> None:
    def name_thread(db: Any) -> int:
        db.select("SELECT 1")
        time.sleep(0.01)
        return threading.get_native_id()

    calls = [gevent.spawn(database.run, name_thread) for _ in range(40)]
    gevent.joinall(calls, raise_error=True)
    threads = {call.get() for call in calls}
    assert 1 < len(threads) <= DEFAULT_POOL_SIZE
    assert threading.get_native_id() not in threads


def test_what_a_function_raises_is_raised_and_nothing_is_stored(
    database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail_late(db: Any) -> None:
        users.create(db, "ada")
        raise LookupError("too late")

    with pytest.raises(LookupError, match="too late"):
        database.run(fail_late)
    assert database.run(users.list_all) == []
    assert "Traceback" not in capfd.readouterr().err


def test_a_mistake_in_a_statement_is_not_called_unavailable(database: Database) -> None:
    def run(db: Any, statement: str) -> None:
        execute(db, statement)

    for statement in ("SELECT nonsense FROM users", "SELECT * FROM nowhere", "NONSENSE"):
        with pytest.raises(Exception, match=r"(?i)nonsense|nowhere") as refused:
            database.run(run, statement)
        assert not isinstance(refused.value, StorageUnavailable)
    assert database.run(users.list_all) == []


def test_a_caller_that_is_killed_does_not_stop_what_it_began(database: Database) -> None:
    begun = threading.Event()

    @writes
    def create_slowly(db: Any) -> User:
        user = users.create(db, "ada")
        begun.set()
        time.sleep(0.1)
        return user

    caller = gevent.spawn(database.run, create_slowly)
    while not begun.is_set():
        gevent.sleep(0.001)
    caller.kill()
    while not database.run(users.list_all):
        gevent.sleep(0.001)


def test_two_that_wait_for_each_other_both_come_through(database: Database) -> None:
    for name in ("a", "b"):
        database.run(users.create, name)
    attempts: list[str] = []

    @writes
    def rename(db: Any, first: str, second: str) -> None:
        attempts.append(first)
        for name in (first, second):
            execute(db, "UPDATE users SET created_at = created_at + 1 WHERE name = $name", name=name)
            time.sleep(0.2)

    calls = [gevent.spawn(database.run, rename, *names) for names in (("a", "b"), ("b", "a"))]
    gevent.joinall(calls, raise_error=True)
    before = {user.name: user.created_at for user in database.run(users.list_all)}
    assert before["a"] == before["b"] or abs(before["a"] - before["b"]) <= 1
    assert sorted(set(attempts)) == ["a", "b"]


@pytest.mark.parametrize(("option", "number"), [("", 2), ("?synchronous=normal", 1)])
def test_each_connection_of_sqlite_is_prepared(tmp_path: Path, option: str, number: int) -> None:
    def look(db: Any) -> tuple[str, int, int]:
        time.sleep(0.01)
        return (
            db.execute("PRAGMA journal_mode").fetchone()[0],
            db.execute("PRAGMA synchronous").fetchone()[0],
            threading.get_native_id(),
        )

    database = Database(f"sqlite:///{tmp_path / 'parley.db'}{option}", pool_size=4)
    calls = [gevent.spawn(database.run, look) for _ in range(20)]
    gevent.joinall(calls, raise_error=True)
    found = {call.get() for call in calls}
    database.close()
    assert len(found) > 1
    assert {values[:2] for values in found} == {("wal", number)}


def test_it_can_be_closed_twice(url: str) -> None:
    database = Database(url)
    database.run(users.create, "ada")
    database.close()
    database.close()
