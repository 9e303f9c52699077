"""Which web pages may read what: everybody's the stateless endpoints, this machine's the stored conversations."""

from __future__ import annotations

import pytest

from tests.live_server import LiveServer

FOREIGN = "https://evil.example"
LOCAL = ("http://localhost:3000", "http://127.0.0.1", "http://[::1]:8080")


def allowed_origin(server: LiveServer, path: str, origin: str, method: str = "GET") -> str | None:
    headers = {"Origin": origin}
    if method == "OPTIONS":
        headers["Access-Control-Request-Method"] = "POST"
    return server.request(method, path, headers=headers)[2].get("access-control-allow-origin")


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_a_foreign_page_may_not_read_what_is_stored(server: LiveServer, method: str) -> None:
    for path in (
        *("/v1/conversations", "/v1/conversations/conv_1/items", "/v1/conversations/search?query=a"),
        *("/v1/prompts", "/v1/prompts/pmpt_1/versions", "/v1/responses", "/v1/responses/resp_1"),
    ):
        assert allowed_origin(server, path, FOREIGN, method) is None
        assert allowed_origin(server, path, "http://localhost.evil.example", method) is None


@pytest.mark.parametrize("origin", LOCAL)
def test_pages_of_this_machine_may(server: LiveServer, origin: str) -> None:
    assert allowed_origin(server, "/v1/conversations", origin) == origin
    assert allowed_origin(server, "/v1/responses", origin, "OPTIONS") == origin


def test_every_page_may_use_the_stateless_endpoints(server: LiveServer) -> None:
    assert allowed_origin(server, "/v1/models", FOREIGN) in ("*", FOREIGN)


def test_origins_that_the_operator_names_may_read_all() -> None:
    with LiveServer(cors_origins=FOREIGN, n_ctx=512, slots=1) as server:
        assert allowed_origin(server, "/v1/conversations", FOREIGN) == FOREIGN
        assert allowed_origin(server, "/v1/models", FOREIGN) == FOREIGN
        assert allowed_origin(server, "/v1/models", LOCAL[0]) is None
