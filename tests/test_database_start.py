from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest

from server import database_start
from server.database_start import start_in_background
from server.settings import Settings
from storage import keys, users
from storage.db.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/data/test.db", pool_size=2)
    yield database
    database.close()


def test_the_first_key_stands_on_the_terminal_and_not_in_the_log(
    database: Database, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    start_in_background(database, Settings(auth="keys")).join()
    (secret,) = [word for word in capsys.readouterr().out.split() if word.startswith("sk-parley-")]
    assert database.run(keys.authenticate, secret) is not None
    assert secret not in caplog.text
    start_in_background(database, Settings(auth="keys")).join()
    assert "sk-parley-" not in capsys.readouterr().out


@pytest.mark.parametrize("settings", [Settings(auth="off"), Settings(auth="header")])
def test_where_keys_do_not_count_none_is_made(
    database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    start_in_background(database, settings).join()
    assert capsys.readouterr().out == ""
    assert database.run(users.list_all) == []


def test_who_cannot_get_a_first_key_is_told_how_to_make_one(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    database.run(users.get_or_create, "admin")
    start_in_background(database, Settings(auth="keys")).join()
    assert "`parley keys create NAME` makes one" in caplog.text


def test_it_goes_on_trying_until_the_database_is_there(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database_start, "FIRST_PAUSE_SECONDS", 0.01)
    obstacle = tmp_path / "data"
    obstacle.touch()
    starting = start_in_background(database, Settings(auth="header"))
    while "The next attempt is in" not in caplog.text:
        gevent.sleep(0.01)
    obstacle.unlink()
    starting.join()
    assert starting.successful()
    assert database.run(users.list_all) == []
