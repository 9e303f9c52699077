"""Who is let in, by an app of one endpoint that says who is asking; the database is a real one."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import gevent
import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from server.auth.authentication import Believed, authenticate_requests, current_caller, current_user
from server.errors.handlers import register_error_handlers
from server.settings import Settings
from storage import keys, users
from storage.db.database import Database

PROXY = {"REMOTE_ADDR": "127.0.0.1"}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/test.db", pool_size=2)
    yield database
    database.close()


def make_client(database: Database, **settings: Any) -> FlaskClient:
    app = Flask(__name__)
    register_error_handlers(app)
    authenticate_requests(app, Settings(**settings), database, public={"health"})

    @app.route("/v1/me")
    def me() -> dict[str, str]:
        return {"name": current_user().name, "id": current_user().public_id}

    @app.route("/v1/stateless")
    def stateless() -> list[str]:
        return [current_caller().queue_key, current_caller().cache_scope]

    health = Blueprint("health", __name__)
    health.add_url_rule("/healthz", view_func=lambda: "fine")
    app.register_blueprint(health)
    return app.test_client()


def test_with_a_shared_cache_users_still_take_turns(database: Database) -> None:
    client = make_client(database, auth="header", kv_cache_scope="shared")
    ada = client.get("/v1/stateless", headers={"X-User-ID": "ada"}, environ_base=PROXY).json
    eve = client.get("/v1/stateless", headers={"X-User-ID": "eve"}, environ_base=PROXY).json
    assert ada is not None
    assert eve is not None
    assert ada[1] == eve[1] == ""
    assert ada[0] != eve[0]


def make_key(database: Database, user: str, expires_at: int | None = None) -> str:
    owner = database.run(users.get_or_create, user)
    return database.run(keys.create, owner.id, "test", expires_at)[1]


def name_of(response: TestResponse) -> str:
    assert response.status_code == 200, response.json
    assert response.json is not None
    return str(response.json["name"])


def refusal(response: TestResponse) -> str:
    """Its message, of a 401 in OpenAI's form."""
    assert response.status_code == 401
    assert response.json is not None
    assert response.json["error"].keys() == {"message", "type", "param", "code"}
    assert response.json["error"]["type"] == "invalid_request_error"
    assert response.headers["WWW-Authenticate"]
    return str(response.json["error"]["message"])


@pytest.fixture
def forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the database asked every time, as if seconds went by."""
    monkeypatch.setattr(Believed, "__init__", lambda self: self.__dict__.update(_seconds=-1, _max_size=9, _answers={}))


# --- off ------------------------------------------------------------------------------------------------------------


def test_without_authentication_everybody_is_the_local_user(database: Database) -> None:
    client = make_client(database)
    first = client.get("/v1/me").json
    assert first == client.get("/v1/me", headers={"Authorization": "Bearer whatever", "X-User-ID": "eve"}).json
    assert first == make_client(database).get("/v1/me").json
    assert first is not None
    assert first["name"] == "local"


def test_without_authentication_what_is_stateless_takes_no_database() -> None:
    nowhere = Database("sqlite:////proc/nowhere/test.db")
    assert make_client(nowhere).get("/v1/stateless", environ_base=PROXY).json == ["127.0.0.1", ""]


# --- keys -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        {"Authorization": "Bearer {}"},
        {"Authorization": "bearer {}"},
        {"Authorization": "BEARER   {} "},
        {"x-api-key": "{}"},
        {"x-api-key": " {} "},
        {"Authorization": "Bearer {}", "x-api-key": "{}"},
        {"Authorization": "Bearer {}", "x-api-key": "something else"},
        {"Authorization": "Bearer", "x-api-key": "{}"},
        {"Authorization": "Basic YTpi", "x-api-key": "{}"},
    ],
)
def test_a_key_is_taken_in_every_usual_form(database: Database, form: dict[str, str]) -> None:
    key = make_key(database, "alice")
    headers = {name: value.format(key) for name, value in form.items()}
    assert name_of(make_client(database, auth="keys").get("/v1/me", headers=headers)) == "alice"


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "You didn't provide an API key"),
        ({"Authorization": ""}, "You didn't provide an API key"),
        ({"Authorization": "Bearer"}, "You didn't provide an API key"),
        ({"Authorization": "Bearer  "}, "You didn't provide an API key"),
        ({"Authorization": "{}"}, "You didn't provide an API key"),
        ({"Authorization": "Basic {}"}, "You didn't provide an API key"),
        ({"x-api-key": ""}, "You didn't provide an API key"),
        ({"X-User-ID": "alice"}, "You didn't provide an API key"),
        ({"Authorization": "Bearer {} {}"}, "more than one word"),
        ({"Authorization": "Bearer {}, Bearer {}"}, "more than one word"),
        ({"Authorization": "Bearer {},{}"}, "Incorrect API key"),
        ({"Authorization": "Bearer {}x"}, "Incorrect API key"),
        ({"Authorization": "Bearer none"}, "Incorrect API key"),
        ({"Authorization": "Bearer sk-parley-"}, "Incorrect API key"),
        ({"Authorization": "Bearer k\xe9y"}, "Incorrect API key"),
        ({"Authorization": "Bearer " + "x" * 5000}, "Incorrect API key"),
        ({"Authorization": "Bearer wrong", "x-api-key": "{}"}, "Incorrect API key"),
    ],
)
def test_everything_else_is_a_401_that_does_not_repeat_the_key(
    database: Database, headers: dict[str, str], message: str
) -> None:
    key = make_key(database, "alice")
    headers = {name: value.replace("{}", key) for name, value in headers.items()}
    response = make_client(database, auth="keys").get("/v1/me", headers=headers)
    assert message in refusal(response)
    assert key not in response.text
    assert response.json is not None
    assert response.json["error"]["code"] == "invalid_api_key"


@pytest.mark.usefixtures("forgets")
def test_a_key_ends_with_its_revocation_its_expiry_and_its_user(database: Database) -> None:
    client = make_client(database, auth="keys")

    def status(key: str) -> int:
        return client.get("/v1/me", headers={"Authorization": f"Bearer {key}"}).status_code

    revoked, disabled = make_key(database, "alice"), make_key(database, "bob")
    assert [status(revoked), status(disabled)] == [200, 200]
    assert status(make_key(database, "alice", expires_at=int(time.time()) - 1)) == 401
    assert status(make_key(database, "alice", expires_at=int(time.time()) + 100)) == 200
    database.run(keys.revoke, database.run(keys.list_all)[0].public_id)
    database.run(users.set_disabled, "bob", True)
    assert [status(revoked), status(disabled)] == [401, 401]
    database.run(users.set_disabled, "bob", False)
    assert [status(revoked), status(disabled)] == [401, 200]


def test_a_key_that_expires_while_it_is_believed_is_refused(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Authorization": f"Bearer {make_key(database, 'alice', expires_at=int(time.time()) + 1000)}"}
    client = make_client(database, auth="keys")
    assert client.get("/v1/me", headers=headers).status_code == 200
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 1001)
    assert client.get("/v1/me", headers=headers).status_code == 401


def test_who_has_no_key_learns_nothing_but_that(database: Database) -> None:
    client = make_client(database, auth="keys")
    refusal(client.get("/v1/nothing/of/that/kind"))
    refusal(client.post("/v1/me"))
    refusal(client.get("/healthz/"))
    assert client.head("/v1/me").status_code == 401


def test_health_and_preflights_need_no_credentials(database: Database) -> None:
    for settings in ({"auth": "keys"}, {"auth": "header"}):
        client = make_client(database, **settings)
        assert client.get("/healthz").text == "fine"
        assert client.options("/v1/me").status_code == 200


# --- header ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["alice", "3f0c7d52-9f66-4c0e-8ad4-2f0c8f6d8c11", "ada@example.com", "Ada L", "auth0|66f", "x" * 255, "местный"],
)
def test_a_proxy_may_name_a_user_who_is_then_always_the_same(database: Database, name: str) -> None:
    client = make_client(database, auth="header")
    headers = {"X-User-ID": name.encode().decode("latin-1")}
    assert name_of(client.get("/v1/me", headers=headers, environ_base=PROXY)) == name
    assert (
        client.get("/v1/me", headers=headers).json
        == make_client(database, auth="header").get("/v1/me", headers=headers).json
    )
    assert [user.name for user in database.run(users.list_all)] == [name]


def test_the_header_may_be_another_one(database: Database) -> None:
    client = make_client(database, auth="header", header_user="X-OpenWebUI-User-Id")
    assert name_of(client.get("/v1/me", headers={"x-openwebui-user-id": "alice"})) == "alice"
    assert "X-OpenWebUI-User-Id" in refusal(client.get("/v1/me", headers={"X-User-ID": "alice"}))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-User-ID": ""},
        {"X-User-ID": " "},
        {"X-User-ID": "alice,bob"},
        {"X-User-ID": "alice, alice"},
        {"X-User-ID": "\xff\xfe"},
        {"X-User-ID": "a\tb"},
        {"X-User-ID": "a\u00c2\u0085b"},
        {"X-User-ID": "x" * 256},
    ],
)
def test_a_header_that_does_not_name_one_user_is_refused(database: Database, headers: dict[str, str]) -> None:
    client = make_client(database, auth="header")
    assert "X-User-ID" in refusal(client.get("/v1/me", headers=headers))
    assert database.run(users.list_all) == []


@pytest.mark.parametrize("peer", ["10.0.0.5", "192.168.0.1", "::2", "::ffff:10.0.0.5"])
def test_nobody_but_a_trusted_proxy_is_believed(database: Database, peer: str) -> None:
    client = make_client(database, auth="header")
    headers = {
        "X-User-ID": "alice",
        "X-Forwarded-For": "127.0.0.1",
        "X-Real-IP": "127.0.0.1",
        "Forwarded": "for=127.0.0.1",
    }
    response = client.get("/v1/me", headers=headers, environ_base={"REMOTE_ADDR": peer})
    assert f"{peer} is not among the trusted proxies" in refusal(response)
    assert database.run(users.list_all) == []
    trusting = make_client(database, auth="header", trusted_proxies=[peer])
    assert trusting.get("/v1/me", headers=headers, environ_base={"REMOTE_ADDR": peer}).status_code == 200


def test_peers_of_a_unix_socket_are_believed_unless_the_setting_leaves_them_out(database: Database) -> None:
    request: dict[str, Any] = {"headers": {"X-User-ID": "alice"}, "environ_base": {"REMOTE_ADDR": ""}}
    assert make_client(database, auth="header").get("/v1/me", **request).status_code == 200
    refusal(make_client(database, auth="header", trusted_proxies=["127.0.0.1"]).get("/v1/me", **request))


@pytest.mark.usefixtures("forgets")
def test_a_disabled_user_is_refused_although_the_proxy_names_them(database: Database) -> None:
    client = make_client(database, auth="header")
    assert client.get("/v1/me", headers={"X-User-ID": "alice"}).status_code == 200
    database.run(users.set_disabled, "alice", True)
    response = client.get("/v1/me", headers={"X-User-ID": "alice"})
    assert refusal(response) == "This user has been disabled."
    assert response.json is not None
    assert response.json["error"]["code"] == "account_deactivated"


def test_no_proxy_can_name_the_user_of_a_server_without_authentication(database: Database) -> None:
    local = make_client(database).get("/v1/me").json
    named = make_client(database, auth="header").get("/v1/me", headers={"X-User-ID": "local"}).json
    assert local is not None
    assert named is not None
    assert local["id"] != named["id"]


# --- what the engine learns -----------------------------------------------------------------------------------------


def test_known_users_take_turns_and_share_no_cache(database: Database) -> None:
    client = make_client(database, auth="header")
    alice, bob = (client.get("/v1/stateless", headers={"X-User-ID": name}).json for name in ("alice", "bob"))
    ids = {user.name: user.public_id for user in database.run(users.list_all)}
    assert alice == [ids["alice"], ids["alice"]]
    assert bob == [ids["bob"], ids["bob"]]


# --- believing ------------------------------------------------------------------------------------------------------


def test_an_answer_is_believed_for_a_while_counted_from_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    believed: Believed[int] = Believed(seconds=3)

    def ask() -> int:
        nonlocal now
        now += 1
        return 1

    assert believed.get("a", ask) == 1
    now = 102.9
    assert believed.get("a", lambda: 2) == 1
    now = 103.0
    assert believed.get("a", lambda: 3) == 3


def test_what_could_not_be_answered_is_asked_again() -> None:
    believed: Believed[int] = Believed()
    with pytest.raises(ZeroDivisionError):
        believed.get("a", lambda: 1 // 0)
    assert believed.get("a", lambda: 2) == 2


def test_only_so_many_answers_are_kept_and_the_oldest_goes_first() -> None:
    believed: Believed[int] = Believed(max_size=2)
    for question in ("a", "b", "c"):
        believed.get(question, lambda: 1)
    assert [believed.get(question, lambda: 2) for question in ("c", "b", "a")] == [1, 1, 2]


def test_nobody_waits_for_the_note_of_a_use(database: Database, tmp_path: Path) -> None:
    user = database.run(users.create, "ada")
    _, secret = database.run(keys.create, user.id, "laptop")
    client = make_client(database, auth="keys")
    with closing(sqlite3.connect(tmp_path / "test.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert client.get("/v1/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
        [key] = database.run(keys.list_all)
        assert key.last_used_at is None
        other.execute("ROLLBACK")
    with gevent.Timeout(60):
        while database.run(keys.list_all)[0].last_used_at is None:
            gevent.sleep(0.01)
