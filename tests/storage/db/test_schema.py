"""Migrations: from nothing, again, several at once, and killed in the middle."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from storage import users
from storage.db.address import parse_address
from storage.db.database import Database
from storage.db.schema import SOURCE, migrate
from storage.errors import StorageError
from tests.live_server import CHECKOUT

ALL = [
    "m0001_conversations",
    "m0002_lock_worker",
    "m0003_repeated_requests",
    "m0004_response_summary",
    "m0005_families",
    "m0006_chat_settings",
    "m0007_search",
    "m0008_prompts",
]

SLOW_STEP = """
import time
from yoyo import step

def apply(connection):
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE half (id INT)")
    cursor.execute("INSERT INTO half VALUES (1)")
    print("half-way", flush=True)
    time.sleep({seconds})
    cursor.execute("INSERT INTO half VALUES (2)")

steps = [step(apply)]
"""


def migrator(url: str, source: str = SOURCE) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.storage.migrator", url, source]
    return subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_it_is_done_once(url: str) -> None:
    assert migrate(parse_address(url)) == ALL
    assert migrate(parse_address(url)) == []


def test_several_processes_at_once_do_it_once(url: str) -> None:
    processes = [migrator(url) for _ in range(4)]
    results = [process.communicate() for process in processes]
    assert sorted(out.strip() for out, _ in results) == ["", "", "", " ".join(ALL)], results


def test_several_workers_may_start_at_once(url: str) -> None:
    databases = [Database(url) for _ in range(3)]
    for database in databases:
        database.start()
        database.start()
        assert database.run(users.list_all) == []
        database.close()


def test_one_that_is_killed_half_way_is_done_by_the_next(url: str, tmp_path: Path) -> None:
    source = tmp_path / "steps"
    source.mkdir()
    (source / "m0001_half.py").write_text(SLOW_STEP.format(seconds=3600))
    process = migrator(url, str(source))
    assert process.stdout is not None
    assert process.stdout.readline() == "half-way\n"
    process.kill()
    process.communicate()
    (source / "m0001_half.py").write_text(SLOW_STEP.format(seconds=0))
    assert migrate(parse_address(url), str(source)) == ["m0001_half"]
    # And together with the real ones, which others add to the same database.
    database = Database(url)
    assert database.run(lambda db: sorted(db.select("SELECT id FROM half"))) == [1, 2]
    database.close()


def test_one_that_fails_leaves_the_database_as_it_was(url: str, tmp_path: Path) -> None:
    source = tmp_path / "steps"
    source.mkdir()
    broken = "from yoyo import step\nsteps = [step('CREATE TABLE half (id INT)'), step('CREATE NONSENSE')]\n"
    (source / "m0001_half.py").write_text(broken)
    process = migrator(url, str(source))
    assert "NONSENSE" in process.communicate()[1]
    assert process.returncode == 1
    (source / "m0001_half.py").write_text("from yoyo import step\nsteps = [step('CREATE TABLE half (id INT)')]\n")
    assert migrate(parse_address(url), str(source)) == ["m0001_half"]


def test_the_entities_are_what_the_migrations_make(database: Database) -> None:
    """That tables and columns exist, Pony checks itself; here, that there are no others."""

    def columns(db: object) -> dict[str, set[str]]:
        entities = db.entities.values()  # type: ignore[attr-defined]
        return {entity._table_: set(entity._columns_) for entity in entities}

    def real_columns(db: object, table: str) -> set[str]:
        cursor = db.execute(f"SELECT * FROM {table} WHERE 1 = 0")  # type: ignore[attr-defined]
        return {column[0] for column in cursor.description}

    for table, expected in database.run(columns).items():
        assert database.run(real_columns, table) == expected, table


def test_keys_are_64_bits_wide(database: Database) -> None:
    """Pony's own tables would have 32 bits on PostgreSQL."""

    def insert_far_out(db: object) -> None:
        statement = (
            "INSERT INTO users (id, public_id, name, is_local, is_admin, is_disabled, created_at)"
            " VALUES ($id, 'user_x', 'far', $no, $no, $no, 0)"
        )
        db.execute(statement, {"id": 2**62, "no": False})  # type: ignore[attr-defined]

    database.run(insert_far_out)
    assert database.run(users.get_by_name, "far").id == 2**62


@pytest.mark.parametrize("name", ["with space.db", "per%cent#hash?.db", "ünïcode 🙂.db"])
def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    from urllib.parse import quote

    database = Database(f"sqlite:///{quote(str(tmp_path / 'new' / name))}")
    database.run(users.create, "ada")
    database.close()
    assert (tmp_path / "new" / name).is_file()
    assert (tmp_path / "new" / name).stat().st_mode & 0o077 == 0
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0


def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    database = Database(f"sqlite:///{tmp_path / 'file' / 'parley.db'}")
    with pytest.raises(StorageError, match="file"):
        database.start()
    database.close()
