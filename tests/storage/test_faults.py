"""Kills and restarts: what was acknowledged is there, what was not is not there in halves, and all goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import pytest

from storage import conversations, items, users
from storage.db.database import Database
from storage.errors import StorageUnavailable
from storage.records import Conversation, User
from tests.live_server import CHECKOUT
from tests.storage.helpers import message, texts
from tests.storage.postgres import Cluster


def writer(url: str, user: User, conversation: Conversation, name: str, count: int) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "tests.storage.writer",
        url,
        str(user.id),
        conversation.public_id,
        name,
        str(count),
    ]
    return subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def output(process: subprocess.Popen[str]) -> list[str]:
    out, error = process.communicate()
    assert process.returncode == 0, error
    return out.split()


def stored_batches(database: Database, user: User, conversation: Conversation) -> list[str]:
    """The batches of two that are in the conversation, each whole and in its order."""
    held = texts(database.run(items.list_all, user.id, conversation.public_id))
    assert len(held) % 2 == 0
    firsts = [text.removesuffix(".0") for text in held[::2]]
    assert held == [f"{batch}.{number}" for batch in firsts for number in (0, 1)]
    assert len(set(held)) == len(held)
    return firsts


def test_several_processes_write_at_once(url: str, database: Database, user: User) -> None:
    conversation = database.run(conversations.create, user.id)
    processes = [writer(url, user, conversation, name, 40) for name in "abcd"]
    acknowledged = {batch for process in processes for batch in output(process)}
    stored = stored_batches(database, user, conversation)
    assert set(stored) == acknowledged
    assert len(stored) == 160
    for name in "abcd":
        assert [batch for batch in stored if batch.startswith(name)] == [f"{name}.{number}" for number in range(40)]


def test_a_writer_that_is_killed_in_a_transaction_leaves_no_trace_and_no_lock(
    url: str, database: Database, user: User
) -> None:
    conversation = database.run(conversations.create, user.id)
    process = writer(url, user, conversation, "x", 0)
    assert process.stdout is not None
    assert process.stdout.readline() == "in the middle\n"
    waiting = gevent.spawn(database.run, items.add, user.id, conversation.public_id, [message("next")])
    process.kill()
    process.communicate()
    waiting.get()
    assert texts(database.run(items.list_all, user.id, conversation.public_id)) == ["next"]


def test_a_writer_that_is_killed_anywhere_loses_nothing_it_acknowledged(
    url: str, database: Database, user: User
) -> None:
    conversation = database.run(conversations.create, user.id)
    acknowledged: list[str] = []
    for name in ("a", "b", "c"):
        process = writer(url, user, conversation, name, 100_000)
        assert process.stdout is not None
        acknowledged += [process.stdout.readline().strip() for _ in range(7)]
        process.kill()
        acknowledged += process.stdout.read().split()
        process.communicate()
    stored = stored_batches(database, user, conversation)
    # Of each, the last one may have been stored without having been acknowledged any more.
    assert set(acknowledged) <= set(stored)
    assert len(stored) <= len(acknowledged) + 3


class Turns:
    """Greenlets that add items one after the other, and repeat what was not done."""

    def __init__(self, database: Database, user: User, conversation: Conversation) -> None:
        self._database, self._user, self._conversation = database, user, conversation
        self.acknowledged: list[str] = []
        self.uncertain: list[str] = []
        self.num_refusals = 0
        self._goes_on = True
        self._greenlets = [gevent.spawn(self._write, name) for name in "abcdef"]

    def _write(self, name: str) -> None:
        number = 0
        while self._goes_on:
            batch = f"{name}.{number}"
            pair = [message(f"{batch}.{half}") for half in (0, 1)]
            try:
                self._database.run(items.add, self._user.id, self._conversation.public_id, pair)
            except StorageUnavailable as error:
                self.num_refusals += 1
                gevent.sleep(0.01)
                if not error.is_outcome_unknown:
                    continue
                self.uncertain.append(batch)
            else:
                self.acknowledged.append(batch)
            number += 1

    def wait_for(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < deadline
            gevent.sleep(0.01)

    def stop(self) -> None:
        self._goes_on = False
        gevent.joinall(self._greenlets, raise_error=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_a_restart_of_postgresql_loses_nothing(cluster: Cluster, number: signal.Signals) -> None:
    """SIGQUIT ends it without a word to its clients, and it recovers at the next start."""
    database = Database(cluster.url)
    user = database.run(users.create, "ada")
    conversation = database.run(conversations.create, user.id)
    turns = Turns(database, user, conversation)
    for _ in range(2):
        before = len(turns.acknowledged)
        turns.wait_for(lambda before=before: len(turns.acknowledged) > before + 20)  # type: ignore[misc]
        refused = turns.num_refusals
        gevent.get_hub().threadpool.apply(cluster.stop, (number,))
        turns.wait_for(lambda refused=refused: turns.num_refusals > refused + 10)  # type: ignore[misc]
        gevent.get_hub().threadpool.apply(cluster.start)
    before = len(turns.acknowledged)
    turns.wait_for(lambda: len(turns.acknowledged) > before + 20)
    turns.stop()
    stored = stored_batches(database, user, conversation)
    assert set(turns.acknowledged) <= set(stored) <= set(turns.acknowledged) | set(turns.uncertain)
    for name in "abcdef":
        mine = [int(batch.split(".")[1]) for batch in stored if batch.startswith(name)]
        assert mine == sorted(mine)
    database.close()


def test_a_restart_between_two_calls_is_not_noticed(cluster: Cluster) -> None:
    database = Database(cluster.url, pool_size=2)
    user = database.run(users.create, "ada")
    conversation = database.run(conversations.create, user.id)
    cluster.stop()
    cluster.start()
    assert database.run(users.get_by_name, "ada") == user
    cluster.stop(signal.SIGQUIT)
    cluster.start()
    database.run(items.add, user.id, conversation.public_id, [message("x")])
    database.close()


def test_a_database_that_is_down_at_the_start_is_found_later(cluster: Cluster) -> None:
    cluster.stop()
    database = Database(cluster.url)
    with pytest.raises(StorageUnavailable, match="refused"):
        database.start()
    with pytest.raises(StorageUnavailable) as refused:
        database.run(users.local_user)
    assert not refused.value.is_outcome_unknown
    cluster.start()
    assert database.run(users.local_user).is_admin
    database.close()


def test_a_transaction_that_loses_its_connection_begins_again(cluster: Cluster) -> None:
    """Pony by itself would commit the second half."""
    database = Database(cluster.url)
    user = database.run(users.create, "ada")
    conversation = database.run(conversations.create, user.id)
    attempts: list[int] = []

    def add_and_lose_the_connection(db: Any) -> None:
        items.add(db, user.id, conversation.public_id, [message("x")])
        attempts.append(1)
        if len(attempts) == 1:
            import psycopg2

            other = psycopg2.connect(cluster.url)
            other.autocommit = True
            [pid] = db.execute("SELECT pg_backend_pid()").fetchone()
            other.cursor().execute("SELECT pg_terminate_backend(%s)", (pid,))
            other.close()
            time.sleep(0.2)
        items.add(db, user.id, conversation.public_id, [message("y")])

    database.run(add_and_lose_the_connection)
    assert len(attempts) == 2
    assert texts(database.run(items.list_all, user.id, conversation.public_id)) == ["x", "y"]
    database.close()


def test_sqlite_that_another_process_holds_for_too_long_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.db.database.LOCK_TIMEOUT_SECONDS", 0.05)
    url = f"sqlite:///{tmp_path / 'parley.db'}"
    database = Database(url)
    user = database.run(users.create, "ada")
    conversation = database.run(conversations.create, user.id)
    process = writer(url, user, conversation, "x", 0)
    assert process.stdout is not None
    process.stdout.readline()
    with pytest.raises(StorageUnavailable, match="locked"):
        database.run(items.add, user.id, conversation.public_id, [message("x")])
    assert database.run(items.list_all, user.id, conversation.public_id) == []
    process.kill()
    process.communicate()
    database.run(items.add, user.id, conversation.public_id, [message("x")])
    database.close()


def test_a_full_disk_is_unavailable_and_then_is_not(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'parley.db'}", pool_size=1)
    user = database.run(users.create, "ada")
    conversation = database.run(conversations.create, user.id)
    database.run(lambda db: db.select("SELECT 1") and db.execute("PRAGMA max_page_count = 1"))
    with pytest.raises(StorageUnavailable, match="full") as refused:
        database.run(items.add, user.id, conversation.public_id, [message("x" * 1_000_000)])
    assert refused.value.is_unwritable
    database.run(lambda db: db.execute("PRAGMA max_page_count = 1000000"))
    database.run(items.add, user.id, conversation.public_id, [message("x")])
    database.close()


def test_a_database_that_may_only_be_read_says_so_and_is_read(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'parley.db'}", pool_size=1)
    user = database.run(users.create, "ada")
    conversation = database.run(conversations.create, user.id)
    database.run(lambda db: db.select("SELECT 1") and db.execute("PRAGMA query_only = 1"))
    with pytest.raises(StorageUnavailable, match="readonly") as refused:
        database.run(conversations.delete, user.id, conversation.public_id)
    assert refused.value.is_unwritable
    assert database.run(conversations.get, user.id, conversation.public_id) == conversation
    database.close()
