"""The page in a browser: it is there, asks nobody else, and its policy holds; and what there is without it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from openai import OpenAI
from playwright.sync_api import Error, Page, expect

from tests.conformance.saying import told
from tests.live_server import LiveServer, wait_until
from tests.processes import LISTEN, LOADING, REAL_APPLICATION, FakeServer
from tests.web.accessibility import check_accessibility
from tests.web.conftest import PHONE, NewPage, Picture
from tests.web.trouble import Trouble

RUN_INLINE = """() => {
    const script = document.createElement("script");
    script.append("document.title = 'run'");
    document.head.append(script);
}"""
BYTES_OF_SCRIPTS = """performance.getEntriesByType("resource")
    .filter((entry) => entry.name.endsWith(".js")).map((entry) => entry.transferSize)"""
ADD_UNNAMED_BUTTON = "() => document.body.append(document.createElement('button'))"
ASK_STRANGER = "() => fetch('http://localhost:9/').catch(() => null)"
SHOW_STRANGERS_IMAGE = """() => new Promise((done) => {
    const image = new Image();
    image.onload = image.onerror = done;
    image.src = "http://localhost:9/image.png";
})"""


@pytest.fixture(scope="module")
def unbuilt_server() -> Iterator[LiveServer]:
    with FakeServer(application="tests.web.unbuilt_app:app", auth="keys") as server:
        yield server


# --- the page -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/c/conv_unknown"])
def test_the_page_is_there(page: Page, picture: Picture, trouble: Trouble, path: str) -> None:
    trouble.allow("status of 404.*/conv_unknown")
    response = page.goto(path)
    assert response is not None
    assert response.status == 200
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert picture(page, "first visit").stat().st_size > 1000


def test_it_is_there_on_a_phone_and_in_the_dark(phone_page: Page, dark_page: Page) -> None:
    for page in (phone_page, dark_page):
        page.goto("/")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert phone_page.evaluate("[innerWidth, navigator.maxTouchPoints > 0]") == [PHONE["viewport"]["width"], True]
    assert dark_page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")


def test_what_a_browser_has_of_the_page_it_does_not_load_again(page: Page, trouble: Trouble) -> None:
    trouble.allow("status of 404.*/conv_unknown")

    def bytes_of_scripts() -> list[int]:
        return page.evaluate(BYTES_OF_SCRIPTS)  # type: ignore[no-any-return]

    page.goto("/")
    assert min(bytes_of_scripts()) > 0
    page.goto("/readyz")
    page.goto("/")
    assert set(bytes_of_scripts()) == {0}


def test_a_test_s_pages_and_its_client_are_one_user_and_no_other(
    page: Page, new_page: NewPage, server: LiveServer, client: OpenAI
) -> None:
    conversation = client.conversations.create()
    fetched = f"fetch('/v1/conversations/{conversation.id}').then((response) => response.status)"
    for own in (page, new_page()):
        own.goto("/")
        assert own.evaluate(fetched) == 200
    assert server.request("GET", f"/v1/conversations/{conversation.id}", headers={"X-User-ID": "eve"})[0] == 404


def test_what_a_model_is_told_to_say_slowly_comes_slowly(client: OpenAI) -> None:
    chunks = client.chat.completions.create(model="chatml", messages=told("1234567890" * 3, slowly=True), stream=True)
    texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert "".join(text or "" for text in texts) == "1234567890" * 3
    assert len(texts) > 10


def test_the_page_is_there_before_its_model(new_page: NewPage, trouble: Trouble) -> None:
    trouble.allow("status of 503|net::ERR_")  # it is still asking when the server ends
    with FakeServer(LISTEN, LOADING, application=REAL_APPLICATION, waits=False) as server:
        wait_until(lambda: server.get("/readyz")[1]["models"], "the supervisor's first word")
        page = new_page(server=server)
        page.goto("/")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        (model,) = server.get("/readyz")[1]["models"].values()
        assert (model["state"], model["progress"]) == ("loading", 0.5)


# --- its policy -----------------------------------------------------------------------------------------------------


def test_text_becomes_no_html(page: Page, trouble: Trouble) -> None:
    page.goto("/")
    with pytest.raises(Error, match="requires 'TrustedHTML'"):
        page.evaluate("() => { document.body.innerHTML = '<b>of text</b>'; }")
    trouble.expect(page, "CSP: require-trusted-types-for")
    trouble.allow("requires 'TrustedHTML'")


def test_no_script_but_the_page_s_own_runs(page: Page, trouble: Trouble) -> None:
    page.goto("/")
    with pytest.raises(Error, match="requires 'TrustedScript'"):
        page.evaluate("() => { document.createElement('script').text = 'document.title = 1'; }")
    page.evaluate(RUN_INLINE)
    assert page.title() != "run"
    trouble.expect(page, "CSP: ")
    trouble.allow("requires 'TrustedScript'|Content Security Policy")


@pytest.mark.parametrize("asking", [ASK_STRANGER, SHOW_STRANGERS_IMAGE])
def test_no_stranger_is_asked(page: Page, trouble: Trouble, asking: str) -> None:
    page.goto("/")
    page.evaluate(asking)
    trouble.expect(page, "CSP: .*localhost:9")
    trouble.allow("localhost:9")


def test_no_site_has_the_page_in_a_frame(page: Page, trouble: Trouble, server: LiveServer) -> None:
    page.goto("/readyz")
    page.set_content(f"<iframe src='{server.origin}/'></iframe>")
    expect(page.frame_locator("iframe").get_by_role("heading")).to_have_count(0)
    trouble.expect(page, "frame-ancestors")


def test_trouble_fails_a_test_that_does_not_allow_it(page: Page, trouble: Trouble) -> None:
    page.goto("/")
    page.evaluate("() => { console.error('first'); setTimeout(() => { throw new Error('second'); }); }")
    page.evaluate("() => fetch('/v1/unknown')")
    trouble.flush(page.context)
    with pytest.raises(AssertionError, match="second"):
        trouble.check()
    for pattern in ("^console: first", "^uncaught: second", "status of 404"):
        trouble.expect(page, pattern)


def test_a_request_to_another_host_is_trouble_where_no_policy_stops_it(page: Page, trouble: Trouble) -> None:
    page.goto("/readyz")
    page.evaluate(ASK_STRANGER)
    trouble.expect(page, "^foreign: GET http://localhost:9/$")
    trouble.allow("ERR_CONNECTION_REFUSED|ERR_UNSAFE_PORT|blocked by CORS")


# --- without it -----------------------------------------------------------------------------------------------------


def test_without_a_built_page_a_browser_shows_what_to_do(
    new_page: NewPage, unbuilt_server: LiveServer, trouble: Trouble, picture: Picture
) -> None:
    trouble.allow("status of 503")
    page = new_page(server=unbuilt_server)
    response = page.goto("/")
    assert response is not None
    assert response.status == 503
    expect(page.get_by_role("heading", name="The chat page is not built")).to_be_visible()
    expect(page.get_by_text("scripts/web build")).to_be_visible()
    check_accessibility(page)
    assert picture(page, "not built").is_file()


def test_what_keeps_people_out_is_found_in_spite_of_the_policy(
    new_page: NewPage, unbuilt_server: LiveServer, trouble: Trouble
) -> None:
    trouble.allow("status of 503")
    page = new_page(server=unbuilt_server)
    page.goto("/")
    page.evaluate(ADD_UNNAMED_BUTTON)
    with pytest.raises(AssertionError, match="button-name"):
        check_accessibility(page, without=["region"])
