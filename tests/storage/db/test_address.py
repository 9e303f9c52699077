"""The database's URL."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.db.address import PostgresServer, SqliteFile, parse_address


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////var/lib/parley.db", Path("/var/lib/parley.db")),
        ("sqlite:///parley.db", Path.cwd() / "parley.db"),
        ("sqlite:////a%20b/%23.db", Path("/a b/#.db")),
    ],
)
def test_a_sqlite_url_names_a_file(url: str, path: Path) -> None:
    assert parse_address(url) == SqliteFile(path)


def test_sqlite_can_be_told_to_be_faster() -> None:
    assert parse_address("sqlite:////x.db?synchronous=NORMAL") == SqliteFile(Path("/x.db"), "normal")


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite://x.db",
        "mysql://x/y",
        "parley.db",
        "sqlite:///x?synchronous=off",
        "sqlite:///x?a=b",
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite"):
        parse_address(url)


def test_a_postgresql_url_keeps_its_own_options() -> None:
    address = parse_address("postgresql://u:p%40ss@db:5433/name?sslmode=require&connect_timeout=9")
    assert isinstance(address, PostgresServer)
    given = {"user": "u", "password": "p@ss", "host": "db", "port": "5433", "dbname": "name", "sslmode": "require"}
    assert given.items() <= address.parameters.items()
    assert address.parameters["connect_timeout"] == "9"
    assert address.parameters["application_name"] == "parley"
