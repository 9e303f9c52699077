"""`parley db`."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.live_server import CHECKOUT


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if "PARLEY_" not in name}
    return kept | {"PARLEY_DATA_DIR": str(tmp_path / "data")}


def parley(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "server.cli.commands", *arguments]
    return subprocess.run(command, cwd=CHECKOUT, env=environ, capture_output=True, text=True, check=False)


def test_upgrade_says_what_it_did(environ: dict[str, str]) -> None:
    steps = sorted(path.stem for path in (CHECKOUT / "storage" / "db" / "migrations").glob("m*.py"))
    assert parley(environ, "db", "upgrade").stdout.splitlines() == [f"Applied {step}." for step in steps]
    assert parley(environ, "db", "upgrade").stdout == "The database is up to date.\n"


def test_tables_are_counted(environ: dict[str, str]) -> None:
    assert parley(environ, "users", "add", "ada").returncode == 0
    counts = json.loads(parley(environ, "db", "tables", "--json").stdout)
    assert (counts["users"], counts["items"]) == (1, 0)
    assert "conversations" in parley(environ, "db", "tables").stdout


def test_a_backup_is_a_database(environ: dict[str, str], tmp_path: Path) -> None:
    parley(environ, "users", "add", "ada")
    target = tmp_path / "copy.db"
    done = parley(environ, "db", "backup", str(target))
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    copied = parley(environ | {"PARLEY_DATABASE_URL": f"sqlite:///{target}"}, "users", "list")
    assert "ada" in copied.stdout
    again = parley(environ, "db", "backup", str(target))
    assert again.returncode == 1
    assert "exists already" in again.stderr


def test_there_is_nothing_to_back_up(environ: dict[str, str], tmp_path: Path) -> None:
    done = parley(environ, "db", "backup", str(tmp_path / "copy.db"))
    assert (done.returncode, done.stderr.startswith("Error: ")) == (1, True)
    assert not (tmp_path / "copy.db").exists()


def test_the_shell_is_the_databases_own(environ: dict[str, str], tmp_path: Path) -> None:
    """A stand-in on the PATH, since sqlite3 is not everywhere."""
    program = tmp_path / "bin" / "sqlite3"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    done = parley(environ | {"PATH": f"{program.parent}:{os.environ['PATH']}"}, "db", "shell", "-json", "SELECT 1")
    assert done.stdout == f"{tmp_path}/data/parley.db -json SELECT 1\n"
    missing = parley(environ | {"PATH": str(tmp_path)}, "db", "shell")
    assert missing.stderr == "Error: The program sqlite3 is not installed.\n"


def test_a_database_that_is_down_is_a_sentence(environ: dict[str, str]) -> None:
    down = environ | {"PARLEY_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    for command in (["upgrade"], ["tables"]):
        done = parley(down, "db", *command)
        assert done.returncode == 1
        assert done.stderr.startswith("Error: The database is not available: ")


def test_a_file_that_is_no_database_is_a_sentence(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "text").write_text("this is no database at all, as anybody can see " * 100)
    done = parley(environ | {"PARLEY_DATABASE_URL": f"sqlite:///{tmp_path}/text"}, "db", "upgrade")
    assert done.returncode == 1
    assert "not a database" in done.stderr
    assert "Traceback" not in done.stderr
    with closing(sqlite3.connect(tmp_path / "text")) as text, pytest.raises(sqlite3.DatabaseError):
        text.execute("SELECT 1 FROM sqlite_master")
