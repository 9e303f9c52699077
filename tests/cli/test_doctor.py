"""The doctor: each thing it looks at, healthy and not."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from server.cli.doctor import (
    examine,
    examine_address,
    examine_data_dir,
    examine_database,
    examine_llama_cpp,
    examine_model,
    examine_python,
)
from server.models.catalogue import Catalogue
from server.models.source import NO_MODEL, HubFile, LocalFile, demo_model_path
from server.settings import Settings
from server.settings.bind import TcpAddress, UnixAddress
from storage.db.database import Database
from tests.storage.conftest import postgres_url, url

__all__ = ["postgres_url", "url"]


@pytest.fixture
def short_directory() -> Iterator[Path]:
    """One whose paths fit into a socket's address, which those of tmp_path may not."""
    with tempfile.TemporaryDirectory(prefix="parley-") as directory:
        yield Path(directory)


def fake_python(tmp_path: Path, script: str) -> str:
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(("version", "is_good"), [((3, 9), False), ((3, 10), True), ((3, 13), True), ((3, 14), False)])
def test_python_must_be_a_tested_one(version: tuple[int, int], is_good: bool) -> None:
    finding = examine_python(version)
    assert finding.is_good is is_good
    assert ("3.10 to 3.13" in finding.sentence) is not is_good


def test_llama_cpp_is_reported_with_its_version_and_backend() -> None:
    finding = examine_llama_cpp()
    assert finding.is_good
    assert finding.sentence.startswith("llama-cpp-python 0.3.")


def test_llama_cpp_that_is_not_installed_is_a_finding(tmp_path: Path) -> None:
    missing = "echo \"ModuleNotFoundError: No module named 'llama_cpp'\" >&2; exit 1"
    finding = examine_llama_cpp(fake_python(tmp_path, missing))
    assert not finding.is_good
    assert "No module named 'llama_cpp'" in finding.sentence
    assert "scripts/install" in finding.sentence


def test_llama_cpp_for_another_processor_is_a_finding(tmp_path: Path) -> None:
    finding = examine_llama_cpp(fake_python(tmp_path, "kill -ILL $$"))
    assert not finding.is_good
    assert "another processor" in finding.sentence


def test_a_model_file_that_can_be_served_is_good() -> None:
    path = demo_model_path()
    assert path is not None
    finding = examine_model("Model model", LocalFile(path))
    assert finding.is_good
    assert str(path) in finding.sentence


def test_a_model_file_that_is_missing_or_something_else_is_bad(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    assert examine_model("Model model", LocalFile(path)).sentence == f"Model model: there is no model file {path}."
    path.write_text("<html>")
    finding = examine_model("Model model", LocalFile(path))
    assert not finding.is_good
    assert "not a GGUF model" in finding.sentence


def test_a_model_of_the_hub_is_not_fetched() -> None:
    finding = examine_model("Model model", HubFile("org/name", "*.gguf"))
    assert finding.is_good
    assert "org/name:*.gguf on the hub" in finding.sentence


def test_no_model_at_all_is_bad() -> None:
    finding = examine_model("Model model", NO_MODEL)
    assert not finding.is_good
    assert "PARLEY_MODEL" in finding.sentence


def test_a_draft_model_is_examined_too(tmp_path: Path) -> None:
    path = demo_model_path()
    settings = Settings(
        model=str(path),
        speculative="draft",
        draft_model=str(tmp_path / "small.gguf"),
        data_dir=tmp_path,
        bind="127.0.0.1:0",
    )
    findings = list(examine(settings, Catalogue.from_settings(settings)))
    assert [finding.sentence for finding in findings if not finding.is_good] == [
        f"The draft model of {path.stem if path else ''}: there is no model file {tmp_path / 'small.gguf'}."
    ]


def test_an_address_is_free_or_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = TcpAddress("127.0.0.1", server.getsockname()[1])
        finding = examine_address(address)
        assert not finding.is_good
        assert "Address already in use" in finding.sentence
    assert examine_address(address).is_good


def test_an_address_of_another_machine_is_bad() -> None:
    assert not examine_address(TcpAddress("192.0.2.1", 80)).is_good


def test_a_unix_socket_is_free_stale_or_in_use(short_directory: Path) -> None:
    path = short_directory / "parley.sock"
    address = UnixAddress(str(path))
    assert examine_address(address).is_good
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert not examine_address(address).is_good
    assert path.exists()
    assert examine_address(address).is_good


def test_a_unix_socket_in_no_directory_is_bad(tmp_path: Path) -> None:
    assert not examine_address(UnixAddress(str(tmp_path / "none" / "parley.sock"))).is_good


def test_the_data_directory_need_not_exist_but_must_be_possible(tmp_path: Path) -> None:
    assert examine_data_dir(tmp_path).sentence.endswith("can be written.")
    assert examine_data_dir(tmp_path / "a" / "b").sentence.endswith("can be made.")
    (tmp_path / "file").touch()
    finding = examine_data_dir(tmp_path / "file" / "data")
    assert not finding.is_good
    assert f"{tmp_path / 'file'} is no directory" in finding.sentence


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_data_directory_that_may_not_be_written_is_bad(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert not examine_data_dir(tmp_path).is_good


def test_everything_is_looked_at(tmp_path: Path) -> None:
    settings = Settings(bind="127.0.0.1:0", data_dir=tmp_path)
    findings = list(examine(settings, Catalogue.from_settings(settings)))
    assert [finding.sentence.split(" ")[0] for finding in findings] == [
        "Python",
        "llama-cpp-python",
        "Model",
        "The",
        "The",
        "There",
    ]
    assert all(finding.is_good for finding in findings)


def test_a_database_that_is_not_there_yet_is_no_problem(tmp_path: Path) -> None:
    finding = examine_database(f"sqlite:///{tmp_path / 'parley.db'}")
    assert finding.is_good
    assert "the first start makes it" in finding.sentence
    assert list(tmp_path.iterdir()) == []


def test_a_database_is_told_with_version_size_and_state(url: str) -> None:
    if url.startswith("postgresql"):
        assert "the next start applies m0001" in examine_database(url).sentence
    database = Database(url)
    database.start()
    finding = examine_database(url)
    database.close()
    assert finding.is_good
    assert re.search(r"The database is (SQLite 3|PostgreSQL \d\d).* MB\): up to date\.", finding.sentence)


def test_a_database_that_does_not_answer_is_a_finding() -> None:
    finding = examine_database("postgresql://parley@127.0.0.1:1/parley")
    assert not finding.is_good
    assert "refused" in finding.sentence


def test_a_file_that_is_something_else_or_damaged_is_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "parley.db"
    path.write_text("no database, but something of some length" * 100)
    finding = examine_database(f"sqlite:///{path}")
    assert not finding.is_good
    assert "not a database" in finding.sentence
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE t (a)")
        database.executemany("INSERT INTO t VALUES (?)", [("x" * 500,)] * 100)
        database.commit()
    content = bytearray(path.read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    path.write_bytes(content)
    finding = examine_database(f"sqlite:///{path}")
    assert not finding.is_good
    assert "damaged" in finding.sentence


def test_a_database_from_before_wal_is_told(tmp_path: Path) -> None:
    path = tmp_path / "parley.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE t (a)")
    finding = examine_database(f"sqlite:///{path}")
    assert finding.is_good
    assert "the next start applies m0001" in finding.sentence
    assert "switches it to WAL mode" in finding.sentence
