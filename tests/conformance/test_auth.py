"""Keys and header users on a real server, with the command that manages them, over HTTP."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, AuthenticationError, InternalServerError, NotFoundError, OpenAI

from storage import keys, users
from storage.db.database import Database
from tests.live_server import PATIENCE_SECONDS, LiveServer, parley, wait_until
from tests.storage.postgres import temporary_database

CHAT = "/v1/chat/completions"
BODY = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
UNREACHABLE = "postgresql://nobody@127.0.0.1:1/nothing"
MODEL = "SmolLM2-135M-Instruct"
SECRET_START = "sk-parley-"


@pytest.fixture(scope="module")
def key_server() -> Iterator[LiveServer]:
    with LiveServer(auth="keys", workers=2) as server:
        yield server


@pytest.fixture(scope="module")
def header_server() -> Iterator[LiveServer]:
    with LiveServer(auth="header", workers=2) as server:
        yield server


def make_key(server: LiveServer, user: str) -> str:
    """The secret of a new key, made beside the server; the user is made if need be."""
    database = Database(f"sqlite:///{server.data_dir.name}/parley.db", pool_size=1)
    try:
        owner = database.run(users.get_or_create, user)
        return database.run(keys.create, owner.id, "test")[1]
    finally:
        database.close()


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def statuses(server: LiveServer, headers: dict[str, str]) -> set[int]:
    """Of as many requests, each on its own connection, as make it very likely that every worker got one."""
    return {server.request("GET", "/v1/models", headers=headers)[0] for _ in range(12)}


def printed_keys(server: LiveServer) -> list[str]:
    return [line.strip() for line in server.log.splitlines() if line.strip().startswith(SECRET_START)]


# --- keys -----------------------------------------------------------------------------------------------------------


def test_the_first_start_prints_one_key_of_an_admin_and_later_ones_none() -> None:
    with LiveServer(auth="keys", workers=2, waits=False) as server:
        (secret,) = wait_until(lambda: printed_keys(server), "the first key")
        assert server.request("GET", "/v1/models", headers=bearer(secret))[0] == 200
        assert server.stop() == 0
        server.start()
        assert wait_until(lambda: statuses(server, bearer(secret)) == {200}, "both workers")
        assert printed_keys(server) == [secret]
        (admin,) = json.loads(parley(server, "users", "list", "--json").stdout)
        assert (admin["name"], admin["is_admin"]) == ("admin", True)
        server.stop(signal.SIGTERM)
        assert not any(secret.encode() in path.read_bytes() for path in Path(server.data_dir.name).glob("parley.db*"))


def test_the_openai_client_works_with_a_key_and_only_with_one(key_server: LiveServer) -> None:
    secret = make_key(key_server, "alice")
    with OpenAI(base_url=key_server.base_url, api_key=secret, max_retries=0) as client:
        completion = client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "Hi"}], max_tokens=2
        )
        assert completion.choices
        stream = client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "Hi"}], max_tokens=2, stream=True
        )
        assert list(stream)
    with (
        OpenAI(base_url=key_server.base_url, api_key=f"{secret}x", max_retries=0) as client,
        pytest.raises(AuthenticationError) as caught,
    ):
        client.models.list()
    assert (caught.value.code, caught.value.type) == ("invalid_api_key", "invalid_request_error")
    assert caught.value.request_id is not None
    assert secret not in str(caught.value)


async def _list_models(base_url: str, secret: str) -> int:
    async with AsyncOpenAI(base_url=base_url, api_key=secret, max_retries=0) as client:
        return len([model async for model in client.models.list()])


def test_the_asynchronous_client_works_too(key_server: LiveServer) -> None:
    assert asyncio.run(_list_models(key_server.base_url, make_key(key_server, "alice"))) == 1


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer"}, {"Authorization": "Bearer none"}, {"x-api-key": "none"}, {"X-User-ID": "admin"}],
)
def test_without_a_key_nothing_but_the_health_is_told(key_server: LiveServer, headers: dict[str, str]) -> None:
    for method, path in (
        ("GET", "/v1/models"),
        ("GET", "/v1/status"),
        ("POST", CHAT),
        ("GET", "/v1/nothing"),
        ("DELETE", "/x"),
    ):
        status, body, answered = key_server.request(method, path, headers=headers)
        assert status == 401
        assert body["error"]["code"] == "invalid_api_key"
        assert answered["www-authenticate"].startswith("Bearer")
        assert answered["x-request-id"]
    assert key_server.request("GET", "/healthz", headers=headers)[0] == 200
    assert key_server.request("GET", "/readyz", headers=headers)[0] == 200


def test_a_body_that_was_refused_unread_does_not_disturb_the_connection(key_server: LiveServer) -> None:
    secret = make_key(key_server, "alice")
    with closing(http.client.HTTPConnection("127.0.0.1", key_server.port, timeout=PATIENCE_SECONDS)) as connection:
        for headers, status in (({}, 401), (bearer(secret), 200)):
            connection.request("POST", CHAT, json.dumps(BODY) + " " * 100_000, headers)
            response = connection.getresponse()
            assert (response.status, bool(response.read())) == (status, True)


def test_a_browser_may_ask_beforehand_without_credentials_and_can_read_the_refusal(key_server: LiveServer) -> None:
    origin = {"Origin": "https://chat.example"}
    preflight = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    status, _, headers = key_server.request("OPTIONS", CHAT, headers=preflight)
    assert status == 200
    assert "authorization" in headers["access-control-allow-headers"].lower()
    status, _, headers = key_server.request("POST", CHAT, b"{}", origin)
    assert status == 401
    assert headers["access-control-allow-origin"] in ("*", "https://chat.example")


def test_keys_and_users_made_and_ended_by_the_command_count_within_seconds_on_every_worker(
    key_server: LiveServer,
) -> None:
    for user in ("carol", "dave"):
        parley(key_server, "users", "add", user)
    revoked = json.loads(parley(key_server, "keys", "create", "carol", "--json").stdout)
    other = parley(key_server, "keys", "create", "dave").stdout.strip()
    assert statuses(key_server, bearer(revoked["secret"])) == {200}
    assert statuses(key_server, bearer(other)) == {200}
    parley(key_server, "keys", "revoke", revoked["id"])
    parley(key_server, "users", "disable", "dave")
    wait_until(lambda: statuses(key_server, bearer(revoked["secret"])) == {401}, "the revocation")
    wait_until(lambda: statuses(key_server, bearer(other)) == {401}, "the disabled user")
    parley(key_server, "users", "enable", "dave")
    wait_until(lambda: statuses(key_server, bearer(other)) == {200}, "the enabled user")


def test_a_key_that_expires_is_out_at_that_moment(key_server: LiveServer) -> None:
    parley(key_server, "users", "add", "erin")
    moment = int(time.time()) + 10  # the command refuses what is over by the time that it has started
    when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))
    key = json.loads(parley(key_server, "keys", "create", "erin", "--json", "--expires", when).stdout)
    assert key["expires_at"] == moment
    wait_until(lambda: statuses(key_server, bearer(key["secret"])) == {401}, "the expiry")
    assert time.time() >= moment


def listed_as_used(server: LiveServer, user: str) -> str:
    """The list of the user's only key; empty as long as it says nothing of a use."""
    listed = parley(server, "keys", "list", user, "--json").stdout
    (found,) = json.loads(listed)
    return listed if found["last_used_at"] is not None else ""


def test_the_last_use_is_noted_and_no_secret_is_logged_or_listed(key_server: LiveServer) -> None:
    secret = make_key(key_server, "frank")
    assert key_server.request("POST", CHAT, json.dumps(BODY).encode(), bearer(secret))[0] == 200
    assert key_server.request("GET", "/v1/nothing", headers=bearer(secret))[0] == 404
    assert key_server.request("GET", "/v1/models", headers=bearer(f"{secret}x"))[0] == 401
    listed = wait_until(lambda: listed_as_used(key_server, "frank"), "the note of the use")
    assert secret not in listed + parley(key_server, "keys", "list").stdout + key_server.log


def test_users_share_no_cached_prompt(key_server: LiveServer) -> None:
    prompt = {"prompt": "The harbour lay quiet in the morning, and nobody had come down yet. " * 5, "max_tokens": 1}

    def num_cached_tokens(secret: str) -> int:
        status, body, _ = key_server.request("POST", "/v1/completions", json.dumps(prompt).encode(), bearer(secret))
        assert status == 200
        return int(body["usage"]["prompt_tokens_details"]["cached_tokens"])

    alice, bob = (make_key(key_server, user) for user in ("grace", "heidi"))
    assert num_cached_tokens(alice) == 0
    assert num_cached_tokens(alice) > 0
    assert num_cached_tokens(bob) == 0
    assert num_cached_tokens(alice) > 0


def test_what_belongs_to_one_user_does_not_exist_for_another(key_server: LiveServer) -> None:
    alice, bob = (make_key(key_server, user) for user in ("judy", "kim"))
    with (
        OpenAI(base_url=key_server.base_url, api_key=alice, max_retries=0) as hers,
        OpenAI(base_url=key_server.base_url, api_key=bob, max_retries=0) as his,
    ):
        conversation = hers.conversations.create(items=[{"type": "message", "role": "user", "content": "secret"}])
        for attempt in (his.conversations.retrieve, his.conversations.delete, his.conversations.items.list):
            with pytest.raises(NotFoundError):
                attempt(conversation.id)
        assert hers.conversations.retrieve(conversation.id).id == conversation.id


# --- header ---------------------------------------------------------------------------------------------------------


def user_names(server: LiveServer) -> list[str]:
    return [user["name"] for user in json.loads(parley(server, "users", "list", "--json").stdout)]


def name_new_users_at_once(server: LiveServer) -> None:
    """Eight users, each named by eight requests at the same time; each must be made once."""
    names = [f"user-{number}" for number in range(8)]

    def status(name: str) -> int:
        return server.request("GET", "/v1/models", headers={"X-User-ID": name})[0]

    with ThreadPoolExecutor(32) as threads:
        assert set(threads.map(status, names * 8)) == {200}
    assert sorted(name for name in user_names(server) if name in names) == names
    assert server.log.count("Traceback") == 0


def test_users_named_for_the_first_time_by_many_requests_at_once_are_made_once(header_server: LiveServer) -> None:
    name_new_users_at_once(header_server)


def raw_status(server: LiveServer, *headers: str) -> int:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        lines = ["GET /v1/models HTTP/1.1", "Host: x", "Connection: close", *headers, "", ""]
        connection.sendall("\r\n".join(lines).encode())
        answer = b""
        while received := connection.recv(65536):
            answer += received
    return int(answer.split()[1])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (["X-User-ID: ivan"], 200),
        (["x-user-id:ivan"], 200),
        (["X-User-ID: ünïcode"], 200),
        (["X-User-ID: ivan", "X-User-ID: mallory"], 401),
        (["X-User-ID: ivan", "x-user-id: ivan"], 401),
        (["X-User-ID: ivan, mallory"], 401),
        (["X_User_ID: mallory"], 401),
        (["X-User-ID:"], 401),
        ([], 401),
    ],
)
def test_one_header_with_one_name_is_a_user_and_nothing_else_is(
    header_server: LiveServer, headers: list[str], status: int
) -> None:
    assert raw_status(header_server, *headers) == status
    assert "mallory" not in user_names(header_server)


def test_a_header_that_could_be_confused_does_not_stand_in_for_the_real_one(header_server: LiveServer) -> None:
    assert raw_status(header_server, "X-User-ID: judy", "X_User_ID: mallory") == 200
    assert "judy" in user_names(header_server)
    assert "mallory" not in user_names(header_server)


def test_a_key_is_no_credential_where_a_proxy_names_the_users(header_server: LiveServer) -> None:
    secret = make_key(header_server, "judy")
    status, body, _ = header_server.request("GET", "/v1/models", headers=bearer(secret))
    assert status == 401
    assert "X-User-ID" in body["error"]["message"]


def test_a_page_in_a_browser_cannot_name_a_user(header_server: LiveServer) -> None:
    preflight = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "content-type, x-user-id",
    }
    _, _, headers = header_server.request("OPTIONS", "/v1/models", headers=preflight)
    assert headers["access-control-allow-headers"].lower() == "content-type"


def test_who_is_no_trusted_proxy_is_refused() -> None:
    with LiveServer(auth="header", trusted_proxies="10.0.0.5,unix", waits=False) as server:
        status, body, _ = server.request("GET", "/v1/models", headers={"X-User-ID": "alice"})
        assert status == 401
        assert "127.0.0.1 is not among the trusted proxies" in body["error"]["message"]


class UnixServer(LiveServer):
    """Listens at a socket in its data directory, as behind a proxy of the same machine."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(waits=False, **settings)
        self.socket_path = f"{self.data_dir.name}/server.sock"
        self._settings["bind"] = f"unix:{self.socket_path}"

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        with socket.socket(socket.AF_UNIX) as channel:
            channel.connect(self.socket_path)
            connection = http.client.HTTPConnection("localhost")
            connection.sock = channel
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, json.loads(response.read()), dict(response.getheaders())


def test_a_proxy_at_a_unix_socket_is_trusted_like_one_on_this_machine() -> None:
    with UnixServer(auth="header") as server:
        assert server.request("GET", "/v1/models", headers={"X-User-ID": "alice"})[0] == 200
        assert server.request("GET", "/v1/models")[0] == 401


# --- off, and without a database ------------------------------------------------------------------------------------


def test_without_authentication_chat_needs_no_database_and_no_key() -> None:
    with LiveServer(database_url=UNREACHABLE) as server:
        status, body, _ = server.post(CHAT, BODY)
        assert (status, body["object"]) == (200, "chat.completion")
        assert server.request("GET", "/v1/models", headers=bearer("whatever"))[0] == 200
        status, body, answered = server.post("/v1/conversations", {})
        assert (status, body["error"]["code"]) == (503, "database_unavailable")
        assert int(answered["retry-after"]) >= 1


@pytest.mark.parametrize(("auth", "headers"), [("keys", bearer(f"{SECRET_START}x")), ("header", {"X-User-ID": "a"})])
def test_who_cannot_be_recognised_because_the_database_is_down_is_told_to_come_back(
    auth: str, headers: dict[str, str]
) -> None:
    with LiveServer(auth=auth, database_url=UNREACHABLE, waits=False) as server:
        status, body, answered = server.request("GET", "/v1/models", headers=headers)
        assert (status, body["error"]["code"]) == (503, "database_unavailable")
        assert int(answered["retry-after"]) >= 1
        assert server.request("GET", "/v1/models")[0] == 401
        assert server.get("/healthz")[0] == 200
        wait_until(lambda: "The next attempt is in" in server.log, "the log to say so")
        with (
            OpenAI(base_url=server.base_url, api_key="x", max_retries=0, default_headers=headers) as client,
            pytest.raises(InternalServerError, match="database"),
        ):
            client.models.list()


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    with temporary_database(postgres_url) as url:
        yield url


def test_header_users_work_on_postgresql(postgres_database: str) -> None:
    with LiveServer(auth="header", workers=2, database_url=postgres_database, waits=False) as server:
        name_new_users_at_once(server)


def test_keys_work_on_postgresql(postgres_database: str) -> None:
    with LiveServer(auth="keys", workers=2, database_url=postgres_database, waits=False) as server:
        (secret,) = wait_until(lambda: printed_keys(server), "the first key")
        assert statuses(server, bearer(secret)) == {200}
        (key,) = json.loads(wait_until(lambda: listed_as_used(server, "admin"), "the note of the use"))
        parley(server, "keys", "revoke", key["id"])
        wait_until(lambda: statuses(server, bearer(secret)) == {401}, "the revocation")
