"""The chat page as it is served: files, headers, caching, paths, and who may have it, by the app without a server."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from server.api.services import Services
from server.app import assemble
from server.backends.served import ServedModels
from server.chat_page import INSTALLED, KINDS, ChatPage
from server.http import draining
from server.models.catalogue import Catalogue
from server.settings import Settings
from server.turns.keeper import Keeper
from storage.db.database import Database
from tests.backends.scripted import ScriptedBackend

INDEX, SCRIPT = b"<!doctype html><title>Parley</title>", b"const answer = 42;" * 100
PATHS = ("/", "/c/conv_1", "/assets/index-1.js", "/licenses.txt", "/favicon.ico")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


@pytest.fixture
def page(tmp_path: Path) -> ChatPage:
    """A built one, in a folder with something beside it that is nobody's."""
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (tmp_path / "secret.js").write_text("private")
    (folder / ".made-from").write_text("private")
    (folder / "assets" / "notes.md").write_text("private")
    for name, content in {"index.html": INDEX, "licenses.txt": b"MIT", "assets/icon-1.svg": b"<svg/>"}.items():
        (folder / name).write_bytes(content)
    (folder / "assets" / "index-1.js").write_bytes(SCRIPT)
    (folder / "assets" / "index-1.js.gz").write_bytes(gzip.compress(SCRIPT))
    return ChatPage(folder)


def make_client(database: Database, page: ChatPage, **settings: Any) -> FlaskClient:
    chosen = Settings.model_validate({"model": "/m.gguf", **settings})
    models = ServedModels(Catalogue.from_settings(chosen), {"m": ScriptedBackend()})
    return assemble(Services(chosen, models, [], database, Keeper(database), page=page)).test_client()


@pytest.fixture
def client(database: Database, page: ChatPage) -> FlaskClient:
    return make_client(database, page)


def error_code(response: TestResponse) -> tuple[int, str]:
    assert response.json is not None
    return response.status_code, response.json["error"]["code"]


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/c/conv_1", "/c/whatever%20there%20is"])
def test_the_page_is_the_same_whatever_conversation_it_opens(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.data) == (200, INDEX)
    assert response.content_type == "text/html; charset=utf-8"


def test_what_the_page_loads_has_its_type(client: FlaskClient) -> None:
    assert client.get("/assets/index-1.js").content_type == "text/javascript; charset=utf-8"
    assert client.get("/assets/icon-1.svg").content_type == "image/svg+xml"
    assert client.get("/favicon.ico").data == b"<svg/>"
    assert client.get("/licenses.txt").content_type == "text/plain; charset=utf-8"


@pytest.mark.skipif(not INSTALLED.is_built, reason="the chat page is not built here")
def test_every_file_of_the_built_page_is_served(database: Database) -> None:
    client = make_client(database, INSTALLED)
    names = [path.name for path in (INSTALLED.folder / "assets").iterdir() if path.suffix != ".gz"]
    assert names
    assert [name for name in names if client.get(f"/assets/{name}").status_code != 200] == []


@pytest.mark.parametrize(
    "name",
    [
        "missing.js",
        "../index.html",
        "..%2findex.html",
        "%2e%2e/%2e%2e/secret.js",
        "..%2f..%2fsecret.js",
        "..%5c..%5csecret.js",
        "%2fetc%2fpasswd.txt",
        "..",
        ".",
        "",
        "notes.md",
        "index-1.js.gz",
        "index-1.js%00.txt",
        "index-1.js%0a",
        ".hidden.js",
        "index-1",
    ],
)
def test_nothing_but_the_page_s_own_files_is_an_asset(client: FlaskClient, name: str) -> None:
    response = client.get(f"/assets/{name}")
    assert error_code(response) == (404, "unknown_url")
    assert b"private" not in response.data


@pytest.mark.parametrize("name", ["../licenses.txt", "/etc/hosts.txt", "..", "index-1.js\n", "a/b.js", "é.js", ""])
def test_a_name_is_that_of_one_file_in_its_folder(page: ChatPage, name: str) -> None:
    assert page.asset(name) is None


def test_a_folder_is_no_asset(page: ChatPage) -> None:
    (page.folder / "assets" / "folder.js").mkdir()
    assert page.asset("folder.js") is None


@pytest.mark.parametrize("path", ["/index.html", "/c", "/c/", "/c/a/b", "/.made-from", "/assets", "/web"])
def test_other_paths_are_unknown_as_ever(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert error_code(response) == (404, "unknown_url")
    assert "Content-Security-Policy" not in response.headers


@pytest.mark.parametrize("path", PATHS)
def test_a_head_is_a_get_without_the_body(client: FlaskClient, path: str) -> None:
    whole, head = client.get(path), client.head(path)
    assert (head.status_code, head.data) == (200, b"")
    assert head.content_length == len(whole.data)
    assert head.headers["ETag"] == whole.headers["ETag"]


def test_files_are_only_read(client: FlaskClient) -> None:
    for path in PATHS:
        assert client.post(path).status_code == 405


# --- headers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*PATHS, "/assets/missing.js"])
def test_nothing_foreign_runs_in_the_page(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["Content-Security-Policy"] == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "microphone=()" in headers["Permissions-Policy"]


def test_the_api_has_no_policy_for_pages(client: FlaskClient) -> None:
    assert "Content-Security-Policy" not in client.get("/healthz").headers


# --- caching --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "cache_control"),
    [
        ("/", "no-cache"),
        ("/c/conv_1", "no-cache"),
        ("/licenses.txt", "no-cache"),
        ("/assets/index-1.js", "public, max-age=31536000, immutable"),
        ("/assets/missing.js", "no-store"),
        ("/favicon.ico", "public, max-age=86400"),
    ],
)
def test_what_browsers_may_keep(client: FlaskClient, path: str, cache_control: str) -> None:
    assert client.get(path).headers["Cache-Control"] == cache_control


@pytest.mark.parametrize("path", PATHS)
def test_what_a_browser_has_already_is_not_sent_again(client: FlaskClient, path: str) -> None:
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_page_that_was_built_meanwhile_is_the_next_one(client: FlaskClient, page: ChatPage) -> None:
    tag = client.get("/").headers["ETag"]
    (page.folder / "index.html").write_bytes(b"new")
    assert client.get("/", headers={"If-None-Match": tag}).data == b"new"


@pytest.mark.parametrize(
    ("accepted", "is_compressed"),
    [(None, False), ("gzip, deflate, br", True), ("*", True), ("identity", False), ("gzip;q=0", False), ("br", False)],
)
def test_assets_are_compressed_for_those_who_take_it(
    client: FlaskClient, accepted: str | None, *, is_compressed: bool
) -> None:
    response = client.get("/assets/index-1.js", headers={"Accept-Encoding": accepted} if accepted else {})
    assert response.headers.get("Content-Encoding") == ("gzip" if is_compressed else None)
    assert (gzip.decompress(response.data) if is_compressed else response.data) == SCRIPT
    assert response.content_length == len(response.data)
    assert "Accept-Encoding" in response.vary


def test_both_forms_of_an_asset_have_tags_of_their_own(client: FlaskClient) -> None:
    plain = client.get("/assets/index-1.js")
    compressed = client.get("/assets/index-1.js", headers={"Accept-Encoding": "gzip"})
    assert plain.headers["ETag"] != compressed.headers["ETag"]


# --- who may have it ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("auth", ["off", "keys", "header"])
def test_the_page_needs_no_key_and_what_it_asks_does(database: Database, page: ChatPage, auth: str) -> None:
    client = make_client(database, page, auth=auth)
    assert [client.get(path).status_code for path in PATHS] == [200] * len(PATHS)
    assert [client.head(path).status_code for path in PATHS] == [200] * len(PATHS)
    if auth != "off":
        assert client.get("/v1/models").status_code == 401
        assert client.get("/index.html").status_code == 401  # nobody learns which paths there are


def test_the_page_is_not_part_of_a_site_that_points_here(client: FlaskClient) -> None:
    for path in PATHS:
        assert error_code(client.get(path, headers={"Host": "evil.example"})) == (403, "host_not_allowed")
        assert client.get(path, headers={"Host": "localhost:8000"}).status_code == 200


def test_the_page_may_change_what_is_stored_and_others_may_not(database: Database, page: ChatPage) -> None:
    client = make_client(database, page, auth="off")
    body = {"metadata": "no object"}
    ours = client.post(
        "/v1/conversations", json=body, headers={"Host": "localhost:8000", "Origin": "http://localhost:8000"}
    )
    assert ours.status_code == 400
    theirs = client.post(
        "/v1/conversations", json=body, headers={"Host": "localhost:8000", "Origin": "https://evil.example"}
    )
    assert error_code(theirs) == (403, "origin_not_allowed")


def test_caches_tell_origins_apart_where_they_get_different_headers(database: Database, page: ChatPage) -> None:
    client = make_client(database, page, cors_origins=["https://a.example", "https://b.example"])
    response = client.get("/assets/index-1.js", headers={"Origin": "https://a.example", "Accept-Encoding": "gzip"})
    assert response.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert {"Origin", "Accept-Encoding"} <= set(response.headers.getlist("Vary"))


def test_a_worker_that_is_about_to_end_still_gives_parts_of_the_page(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draining, "is_draining", lambda: True)
    assert [client.get(path).status_code for path in PATHS] == [200] * len(PATHS)
    assert client.get("/v1/models").status_code == 503


# --- not built ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/c/conv_1"])
def test_a_page_that_is_not_built_says_what_to_do(database: Database, tmp_path: Path, path: str) -> None:
    response = make_client(database, ChatPage(tmp_path / "nowhere"), auth="keys").get(path)
    assert response.status_code == 503
    assert response.content_type == KINDS["html"]
    assert "scripts/web build" in response.text
    assert "The API is up" in response.text
    assert "<script" not in response.text
    assert response.headers["Content-Security-Policy"] == POLICY
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", PATHS[2:])
def test_what_a_page_would_load_that_is_not_built_is_unknown(database: Database, tmp_path: Path, path: str) -> None:
    response = make_client(database, ChatPage(tmp_path / "nowhere")).get(path)
    assert error_code(response) == (404, "unknown_url")
