"""Web pages that a user's browser happens to show, and headers that only a proxy should send."""

from __future__ import annotations

import json

import pytest

from tests.attacks.raw import connect, exchange, read_to_end, status_of
from tests.live_server import LiveServer

EVIL = "https://evil.example"


def get(path: str, *headers: str, version: str = "1.1") -> bytes:
    lines = [f"GET {path} HTTP/{version}", *headers, "Connection: close", "", ""]
    return "\r\n".join(lines).encode()


def code_of(answer: bytes) -> str | None:
    code: str | None = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"]
    return code


@pytest.mark.parametrize("path", ["/v1/models", "/v1/conversations/conv_1", "/healthz", "/nowhere"])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.nip.io", "x"]
)
def test_a_page_that_has_pointed_its_name_here_gets_nothing(victim: LiveServer, path: str, host: str) -> None:
    answer = exchange(victim, get(path, f"Host: {host}"))
    assert status_of(answer) == 403
    assert code_of(answer) == "host_not_allowed"


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "app.localhost", "127.0.0.1:8000", "[::1]:8000", "10.0.0.7"]
)
def test_local_names_and_addresses_of_numbers_are_ours(victim: LiveServer, host: str) -> None:
    assert status_of(exchange(victim, get("/v1/models", f"Host: {host}"))) == 200


def test_with_keys_any_name_is_ours(locked: LiveServer) -> None:
    assert status_of(exchange(locked, get("/healthz", "Host: chat.example.com"))) == 200


@pytest.mark.parametrize("headers", [[], ["Host:"], ["Host: localhost", "Host: localhost"]])
def test_a_request_says_once_which_host_it_is_for(victim: LiveServer, headers: list[str]) -> None:
    assert status_of(exchange(victim, get("/healthz", *headers))) == 400


@pytest.mark.parametrize("name", ["SCRIPT_NAME", "PATH_INFO", "REMOTE_ADDR", "X_Forwarded_For"])
def test_what_the_servers_own_variables_are_called_is_no_header(victim: LiveServer, name: str) -> None:
    for path in ("/healthz", "/v1/models"):
        answer = exchange(victim, get(path, "Host: localhost", f"{name}: /x"))
        assert status_of(answer) in (200, 400)
    assert "Traceback" not in victim.log


def test_headers_of_proxies_change_nothing(victim: LiveServer) -> None:
    headers = ("X-Forwarded-Proto: https", "X-Forwarded-Ssl: off", "X-Forwarded-Host: evil.example")
    assert status_of(exchange(victim, get("/healthz", "Host: localhost", *headers))) == 200


def store(server: LiveServer, **headers: str) -> int:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    body = b'{"metadata": {"from": "a page"}}'
    return server.request("POST", "/v1/conversations", body, {"Content-Type": "text/plain", **names})[0]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://["},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": EVIL, "Sec_Fetch_Site": "same-origin"},
    ],
)
def test_a_page_of_another_site_stores_nothing(victim: LiveServer, headers: dict[str, str]) -> None:
    assert store(victim, **headers) == 403
    status = victim.request("DELETE", "/v1/responses/resp_1", headers={"Origin": EVIL})[0]
    assert status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost:3000"},
        {"Origin": "http://chat.localhost", "Host": "chat.localhost"},
        {"Origin": "https://10.0.0.7", "Host": "10.0.0.7"},
        {"Sec_Fetch_Site": "same-origin"},
        {"Sec_Fetch_Site": "none"},
    ],
)
def test_programs_and_pages_of_this_machine_may_store(victim: LiveServer, headers: dict[str, str]) -> None:
    assert store(victim, **headers) == 200


def test_pages_may_still_ask_what_changes_nothing(victim: LiveServer) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}).encode()
    assert victim.request("POST", "/v1/chat/completions", body, {"Origin": EVIL})[0] == 200
    assert victim.request("GET", "/v1/models", headers={"Sec-Fetch-Site": "cross-site"})[0] == 200


@pytest.mark.parametrize(
    "request_bytes", [get("/healthz", "Host: localhost"), get("/x", "Host: localhost"), b"RUBBISH\r\n\r\n"]
)
def test_no_answer_is_taken_for_something_else_than_it_says(victim: LiveServer, request_bytes: bytes) -> None:
    assert b"\r\nX-Content-Type-Options: nosniff\r\n" in exchange(victim, request_bytes)


def test_names_that_the_operator_lists_and_no_others() -> None:
    with LiveServer(waits=False, model="/nowhere.gguf", allowed_hosts="chat.example.com, *.lan, 127.0.0.1") as server:
        for host, status in [("chat.example.com", 200), ("box.lan:8000", 200), ("lan", 403), ("localhost", 403)]:
            with connect(server) as connection:
                connection.sendall(get("/healthz", f"Host: {host}"))
                assert status_of(read_to_end(connection)) == status, host


def test_a_proxy_that_knows_users_by_cookies_has_to_say_who_may_write() -> None:
    with LiveServer(waits=False, model="/nowhere.gguf", auth="header") as server:
        user = {"X_User_ID": "ada"}
        assert store(server, **user) == 200
        assert store(server, Origin=EVIL, **user) == 403
        assert store(server, Origin="https://chat.example.com", Host="chat.example.com", **user) == 200
