"""A browser in front of a live server, for tests of the chat page.

    def test_a_question_is_answered(page: Page) -> None:
        page.goto("/")
        page.get_by_role("textbox", name="Message").fill("Say «Hello there»")
        page.keyboard.press("Enter")
        expect(page.get_by_role("article", name="Assistant")).to_contain_text("Hello there")

`server` is one for all tests of the folder; its models are called `chatml` (the default) and `thinking`, and say what
stands between « and » in the last message, «slowly» if the message says so: `Say slowly «...»` gives about fifty
characters a second, for tests that do something in the middle of it. Each test is a `user` of its own, so it sees none
of the others' conversations; `client` is OpenAI's, as that user, to prepare and to look at what is stored.

`page` is a window on a desk, `dark_page` the same in the dark, `phone_page` a phone; all of them belong to the same
user. `new_page(...)` makes more: another device (`page.context.new_page()` is another tab), other options of
Playwright's `new_context`, or the page of another server (`new_page(server=...)`, for tests that kill it or need other
settings; `LiveServer` and `SayingServer` make those).

In the end a test fails for anything in `trouble`: an error on the console or an uncaught one, a request to another
origin, a violation of the policy, a crash. What may happen it allows, `trouble.allow("status of 503")`, and what must
happen it waits for, `trouble.expect(page, "status of 401")`.

`picture(page, "empty chat")` keeps a picture in the folder that PARLEY_TEST_PICTURES names, else in the temporary
directory. `check_accessibility(page)` (`tests.web.accessibility`) fails with what axe finds. Without a browser or a
built page all are skipped, see `needs`.

Wait with locators and `expect`, never with `wait_for_function`, which needs `eval`: the page's policy forbids that. The
driver must not be loaded where gevent has patched Python, so servers are other processes.
"""

from __future__ import annotations

import os
import re
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from openai import OpenAI
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.conformance.conversing import USER, client_of
from tests.live_server import PATIENCE_SECONDS, LiveServer
from tests.processes import SayingServer
from tests.web import needs
from tests.web.trouble import Trouble

PICTURES_VARIABLE = "PARLEY_TEST_PICTURES"
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}

ELSEWHERE = "parley.test"
"""A name of this machine that the browser takes for another one's: what only secure origins may do, is not there."""

NOT_THERE = r"status of 404 .*/v1/(status|prompts)\b"
"""What the page asks for and does without."""

Picture = Callable[[Page, str], Path]


class Served(Protocol):
    """Whatever stands at an origin: a server, or a wire to one."""

    @property
    def origin(self) -> str: ...


class NewPage(Protocol):
    def __call__(self, server: Served | None = None, **options: Any) -> Page:
        """A page in a context of its own, with `options` of Playwright's `new_context`; `server` if not the common
        one's."""


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One for all tests of the folder, and no longer: while it runs, nothing else in this process may use asyncio."""
    program = needs.chromium()
    assert not _is_patched_by_gevent()
    expect.set_options(timeout=PATIENCE_SECONDS * 500)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1"]
        )
        yield browser
        browser.close()


def _is_patched_by_gevent() -> bool:
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.saved)


@pytest.fixture(scope="package")
def server() -> Iterator[LiveServer]:
    needs.built_page()
    with SayingServer("chatml", "thinking", auth="header", ping_seconds=0.2) as server:
        yield server


@pytest.fixture
def user() -> str:
    """Whom the test's pages belong to."""
    return f"user-{uuid.uuid4()}"


@pytest.fixture
def client(server: LiveServer, user: str) -> Iterator[OpenAI]:
    with client_of(server, user) as client:
        yield client


@pytest.fixture
def trouble() -> Trouble:
    trouble = Trouble()
    trouble.allow(NOT_THERE)
    return trouble


@pytest.fixture
def new_page(browser: Browser, server: LiveServer, user: str, trouble: Trouble) -> Iterator[NewPage]:
    contexts: list[BrowserContext] = []

    common = server

    def make(server: Served | None = None, **options: Any) -> Page:
        origin = (server or common).origin
        context = browser.new_context(base_url=origin, extra_http_headers={USER: user}, **(DESK | options))
        context.set_default_timeout(PATIENCE_SECONDS * 500)
        contexts.append(context)
        trouble.watch(context, origin)
        return context.new_page()

    yield make
    for context in contexts:
        trouble.flush(context)
        context.close()
    trouble.check()


@pytest.fixture
def page(new_page: NewPage) -> Page:
    return new_page()


@pytest.fixture
def dark_page(new_page: NewPage) -> Page:
    return new_page(color_scheme="dark")


@pytest.fixture
def phone_page(new_page: NewPage) -> Page:
    return new_page(**PHONE)


@pytest.fixture
def picture(tmp_path: Path) -> Picture:
    def take(page: Page, name: str) -> Path:
        folder = Path(os.environ.get(PICTURES_VARIABLE) or tmp_path)
        path = folder / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())}.png"
        page.screenshot(path=path)  # which makes the folder
        return path

    return take
