"""The chat page in browsers that keep less than others: nothing stored, no clipboard, a part that cannot be fetched, an
older build."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.live_server import LiveServer
from tests.web.accessibility import check_accessibility
from tests.web.chatting import answers, ask, banner, expect_one_turn, text_of
from tests.web.conftest import ELSEWHERE, NewPage, Picture
from tests.web.trouble import Trouble

FORBID_STORAGE = """for (const name of ["localStorage", "sessionStorage"])
    Object.defineProperty(window, name, {get() { throw new DOMException("forbidden", "SecurityError"); }});"""
FILL_STORAGE = """Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError"); };"""
PART = re.compile(r"/assets/Transcript-.*\.js")


@pytest.mark.parametrize("script", [FORBID_STORAGE, FILL_STORAGE], ids=["forbidden", "full"])
def test_a_browser_that_keeps_nothing_can_chat(page: Page, script: str) -> None:
    page.add_init_script(script)
    page.goto("/")
    ask(page, "Say «Hello»")
    expect_one_turn(page, "Say «Hello»", "Hello")
    page.get_by_role("button", name="Theme: system").click()
    expect(page.get_by_role("button", name="Theme: light")).to_be_visible()
    page.reload()
    expect(text_of(answers(page))).to_have_text("Hello")


INSECURE = "Cross-Origin-Opener-Policy header has been ignored"
"""What Chromium says of that header wherever HTTPS is missing."""


class Elsewhere:
    """The server under a name that browsers do not take for this machine."""

    def __init__(self, server: LiveServer) -> None:
        self.origin = f"http://{ELSEWHERE}:{server.port}"


def test_over_plain_http_from_another_machine_all_works_that_needs_more_elsewhere(
    new_page: NewPage, server: LiveServer, picture: Picture, trouble: Trouble
) -> None:
    trouble.allow(INSECURE)
    page = new_page(server=Elsewhere(server))
    page.goto("/")
    assert page.evaluate("[isSecureContext, navigator.clipboard === undefined]") == [False, True]
    ask(page, "Say «Hello»")
    expect_one_turn(page, "Say «Hello»", "Hello")
    answers(page).get_by_role("button", name="Copy").click()
    expect(answers(page).get_by_role("button", name="Copied")).to_be_focused()
    picture(page, "copied without a clipboard")
    page.get_by_role("textbox", name="Your question").press("Control+V")
    expect(page.get_by_role("textbox", name="Your question")).to_have_value("Hello")


def test_a_browser_that_lets_nothing_be_copied_says_so(new_page: NewPage, server: LiveServer, trouble: Trouble) -> None:
    trouble.allow(INSECURE)
    page = new_page(server=Elsewhere(server))
    page.add_init_script("document.execCommand = () => false;")
    page.goto("/")
    ask(page, "Say «Hello»")
    expect_one_turn(page, "Say «Hello»", "Hello")
    answers(page).get_by_role("button", name="Copy").click()
    expect(page.get_by_text("The browser does not let this page copy.")).to_be_visible()


def test_a_part_of_the_page_that_does_not_come_can_be_fetched_again(
    page: Page, picture: Picture, trouble: Trouble
) -> None:
    """The server is away then: a page that was loaded anew would be lost as a whole."""
    trouble.allow("net::ERR_")
    page.route(PART, lambda route: route.abort())
    page.route("**/readyz", lambda route: route.abort())
    page.goto("/")
    expect(banner(page, "The server cannot be reached.")).to_be_visible()
    page.unroute("**/readyz")
    page.get_by_role("button", name="Try again").click()
    page.route("**/readyz", lambda route: route.abort())
    ask(page, "Say «Hello»")
    missing = page.get_by_role("alert").filter(has_text="A part of this page could not be fetched")
    expect(missing).to_be_visible()
    picture(page, "part of the page missing")
    check_accessibility(page)
    page.unroute_all()
    missing.get_by_role("button", name="Try again").click()
    expect_one_turn(page, "Say «Hello»", "Hello")


def test_a_part_that_belongs_to_an_older_build_is_replaced_by_the_newer_page_once(page: Page, trouble: Trouble) -> None:
    trouble.allow("status of 404")
    loads: list[str] = []
    page.on("domcontentloaded", lambda loaded: loads.append(loaded.url))
    page.route(PART, lambda route: route.fulfill(status=404))
    page.goto("/")
    expect(banner(page, "The server has a newer page.")).to_be_visible()
    assert len(loads) == 2
    page.unroute_all()
    banner(page, "The server has a newer page.").get_by_role("button", name="Reload").click()
    ask(page, "Say «Hello»")
    expect_one_turn(page, "Say «Hello»", "Hello")


def test_a_page_of_another_version_offers_the_newer_one(page: Page, picture: Picture) -> None:
    versions = iter(["1.0", *["1.1"] * 100])

    def tell(route: Route) -> None:
        said = {"version": next(versions), "auth": "header", "user": None}
        route.fulfill(body=json.dumps(said), content_type="application/json")

    page.route("**/v1/status", tell)
    page.goto("/")
    expect(page.get_by_text("Parley 1.0")).to_be_visible()
    page.evaluate("() => window.dispatchEvent(new Event('online'))")  # which has the page look at the server
    expect(banner(page, "The server has a newer page.")).to_be_visible()
    picture(page, "outdated")
    check_accessibility(page)


def test_a_dialog_that_does_not_come_says_so_and_the_page_is_loaded_anew_for_it(page: Page, trouble: Trouble) -> None:
    trouble.allow("net::ERR_")
    page.goto("/")
    ask(page, "Say «Hello»")
    expect_one_turn(page, "Say «Hello»", "Hello")
    page.context.set_offline(True)
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("A part of this page could not be fetched")).to_be_visible()
    page.context.set_offline(False)
    expect(banner(page, "The server cannot be reached.")).to_have_count(0)
    with page.expect_event("load"):  # a browser does not fetch again what it could not fetch
        page.get_by_role("button", name="Search").click()
    expect_one_turn(page, "Say «Hello»", "Hello")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("dialog")).to_be_visible()
