"""`parley users` and `parley keys`: what they print, refuse and return."""

from __future__ import annotations

import json
import sqlite3
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from server.cli.keys import key_state
from storage.records import ApiKey
from tests.cli.running import run


@pytest.fixture(autouse=True)
def _only_these_settings(no_settings_around: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("PARLEY_AUTH", "keys")


def done(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def done_json(*arguments: str) -> Any:
    return json.loads(done(*arguments, "--json"))


def refused(*arguments: str, exit_code: int = 1) -> str:
    result = run(*arguments)
    assert result.exit_code == exit_code
    assert result.stdout == ""
    return result.stderr


# --- users ----------------------------------------------------------------------------------------------------------


def test_users_are_added_listed_disabled_and_enabled() -> None:
    assert done("users", "list").split() == ["NAME", "ID", "CREATED"]
    assert done("users", "add", "alice", "--admin").startswith("Added alice (user_")
    done("users", "add", "Bob B")
    done("users", "disable", "Bob B")
    rows = [line.split() for line in done("users", "list").splitlines()]
    assert [row[0] for row in rows] == ["NAME", "alice", "Bob"]
    assert [row[-1] for row in rows[1:]] == ["admin", "disabled"]
    done("users", "enable", "Bob B")
    assert [user["is_disabled"] for user in done_json("users", "list")] == [False, False]


def test_a_user_for_programs_has_all_that_is_known() -> None:
    user = done_json("users", "add", "alice")
    assert user == done_json("users", "list")[0]
    assert user == {
        "id": user["id"],
        "name": "alice",
        "is_admin": False,
        "is_disabled": False,
        "created_at": user["created_at"],
    }


def test_a_name_can_be_had_once() -> None:
    done("users", "add", "alice")
    assert "A user called 'alice' exists already." in refused("users", "add", "alice")


@pytest.mark.parametrize("name", ["", " ", "a,b", "a\nb", "x" * 256])
def test_a_name_that_no_proxy_could_send_is_refused(name: str) -> None:
    assert "a user's name has 1 to 255 visible characters" in refused("users", "add", name, exit_code=2)
    assert done_json("users", "list") == []


@pytest.mark.parametrize(
    "command", [("users", "disable"), ("users", "enable"), ("keys", "create"), ("keys", "list"), ("keys", "revoke")]
)
def test_who_or_what_is_unknown_is_said(command: tuple[str, str]) -> None:
    assert "'nobody'" in refused(*command, "nobody")


# --- keys -----------------------------------------------------------------------------------------------------------


def test_a_secret_is_all_that_stands_on_stdout_so_that_scripts_can_take_it() -> None:
    done("users", "add", "alice")
    result = run("keys", "create", "alice")
    secret = result.stdout.strip()
    assert secret.startswith("sk-parley-")
    assert result.stdout == f"{secret}\n"
    assert "it is shown this once" in result.stderr
    assert secret not in done("keys", "list") + done("keys", "list", "--json")


def test_keys_are_listed_with_owner_state_and_times() -> None:
    for user in ("alice", "bob"):
        done("users", "add", user)
    first = done_json("keys", "create", "alice", "--name", "laptop")
    second = done_json("keys", "create", "bob", "--expires", "30d")
    assert done("keys", "revoke", first["id"]) == f"{first['id']} is revoked.\n"
    listed = {key["id"]: key for key in done_json("keys", "list")}
    assert listed[first["id"]]["state"] == "revoked"
    assert listed[second["id"]] == {name: value for name, value in second.items() if name != "secret"}
    assert (second["user"], second["name"], second["state"]) == ("bob", "key", "active")
    assert second["expires_at"] - second["created_at"] == pytest.approx(30 * 86_400, abs=5)
    assert [key["id"] for key in done_json("keys", "list", "alice")] == [first["id"]]
    assert [line.split()[1] for line in done("keys", "list").splitlines()] == ["USER", "alice", "bob"]


def test_the_secret_is_not_in_the_database_whose_file_is_private(tmp_path: Path) -> None:
    done("users", "add", "alice")
    secret = done_json("keys", "create", "alice")["secret"]
    path = tmp_path / "data" / "parley.db"
    with sqlite3.connect(path) as connection:
        dump = "\n".join(connection.iterdump())
    connection.close()
    assert "alice" in dump
    assert secret not in dump
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_disabled_user_gets_no_key() -> None:
    done("users", "add", "alice")
    done("users", "disable", "alice")
    assert "alice is disabled" in refused("keys", "create", "alice")


def test_a_key_that_will_not_count_is_made_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_AUTH", "off")
    done("users", "add", "alice")
    assert 'keys only count with auth = "keys"; now it is "off"' in run("keys", "create", "alice").stderr


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90m", 5400), ("12h", 43_200), ("1d", 86_400)],
)
def test_a_duration_counts_from_now(text: str, seconds: int) -> None:
    done("users", "add", "alice")
    expires_at = done_json("keys", "create", "alice", "--expires", text)["expires_at"]
    assert expires_at - time.time() == pytest.approx(seconds, abs=60)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2100-01-01", 4_102_444_800),
        ("2100-01-01T12:00", 4_102_488_000),
        ("2100-01-01T12:00:00+01:00", 4_102_484_400),
    ],
)
def test_a_date_is_one_of_utc_unless_it_says_otherwise(text: str, moment: int) -> None:
    done("users", "add", "alice")
    assert done_json("keys", "create", "alice", "--expires", text)["expires_at"] == moment


@pytest.mark.parametrize("text", ["soon", "0d", "-1d", "1y", "", "2000-01-01", "1970-01-01T00:00:00"])
def test_an_end_that_cannot_be_meant_is_refused(text: str) -> None:
    done("users", "add", "alice")
    assert "--expires" in refused("keys", "create", "alice", "--expires", text, exit_code=2)
    assert done_json("keys", "list") == []


def test_bad_settings_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_SLOTS", "many")
    assert 'slots = "many"' in refused("users", "list", exit_code=2)


def test_a_data_directory_that_cannot_be_made_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PARLEY_DATA_DIR", str(tmp_path / "file" / "data"))
    assert str(tmp_path / "file") in refused("users", "list")


def test_a_database_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_DATABASE_URL", "postgresql://me:hidden@127.0.0.1:1/nothing")
    said = refused("users", "list")
    assert "The database is not available" in said
    assert "hidden" not in said


def test_a_key_is_active_until_it_is_revoked_or_expired() -> None:
    def key(expires_at: int | None = None, revoked_at: int | None = None) -> ApiKey:
        return ApiKey(1, "key_1", 1, "test", "sk-parley-abcd", 0, expires_at, revoked_at, None)

    now = int(time.time())
    assert [key_state(k) for k in (key(), key(now + 100), key(now - 1), key(now - 1, now - 2), key(None, now))] == [
        "active",
        "active",
        "expired",
        "revoked",
        "revoked",
    ]
