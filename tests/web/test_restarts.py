"""The chat page while the server's processes end: the server killed and started again, an engine killed, a stop."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.live_server import LiveServer, kill_all
from tests.processes import SayingServer
from tests.web import needs
from tests.web.accessibility import check_accessibility
from tests.web.chatting import (
    answers,
    ask,
    banner,
    composer,
    expect_one_turn,
    letters,
    questions,
    slowly,
    text_of,
    trouble_of,
)
from tests.web.conftest import NewPage, Picture
from tests.web.trouble import Trouble

BROKEN = r"net::ERR_|status of 50\d"


@pytest.fixture
def fragile() -> Iterator[LiveServer]:
    needs.built_page()
    with SayingServer("chatml", auth="header", ping_seconds=0.2, graceful_timeout_seconds=5) as server:
        yield server


def ask_until(page: Page, question: str, seen: str) -> None:
    """Ask, and wait until that much of the answer is there."""
    ask(page, question)
    expect(answers(page)).to_contain_text(seen)


def test_a_server_killed_in_mid_answer_is_found_again_with_what_it_knows(
    new_page: NewPage, fragile: LiveServer, picture: Picture, trouble: Trouble
) -> None:
    trouble.allow(BROKEN)
    page = new_page(server=fragile)
    page.goto("/")
    ask_until(page, slowly(letters(500)), "c2")
    fragile.kill()
    expect(page.get_by_text("The connection is lost.")).to_be_visible()
    expect(banner(page, "The server cannot be reached.")).to_be_visible()
    expect(answers(page)).to_contain_text("a0 b1 c2")
    picture(page, "reconnecting")
    check_accessibility(page)
    fragile.start()
    expect(what_is_lost(page)).to_be_visible()
    expect(banner(page, "The server cannot be reached.")).to_have_count(0)
    picture(page, "failed in mid answer")
    check_accessibility(page)
    expect(questions(page)).to_have_count(1)
    page.reload()
    expect(what_is_lost(page)).to_be_visible()
    expect(questions(page)).to_have_count(1)


def what_is_lost(page: Page) -> Locator:
    """Why the answer ends there: it failed, or its worker was the last to see its client go."""
    return trouble_of(page).or_(page.get_by_text("It was cut off."))


def test_what_was_lost_with_the_server_is_asked_again_by_a_button(
    new_page: NewPage, fragile: LiveServer, trouble: Trouble
) -> None:
    trouble.allow(BROKEN)
    page = new_page(server=fragile)
    page.goto("/")
    ask_until(page, slowly(letters(60)), "c2")
    fragile.kill()
    fragile.start()
    expect(what_is_lost(page)).to_be_visible()
    page.get_by_role("button", name="Try again").or_(page.get_by_role("button", name="Ask again")).last.click()
    expect(text_of(answers(page).last)).to_have_text(letters(60))
    expect(trouble_of(page)).to_have_count(0)
    expect(questions(page)).to_have_count(1)


def test_an_engine_killed_in_mid_answer_leaves_what_there_is(
    new_page: NewPage, fragile: LiveServer, picture: Picture, trouble: Trouble
) -> None:
    trouble.allow(BROKEN)
    page = new_page(server=fragile)
    page.goto("/")
    ask_until(page, slowly(letters(500)), "c2")
    kill_all(fragile.members("tests.saying_engine"))
    expect(trouble_of(page)).to_be_visible()
    picture(page, "engine killed")
    check_accessibility(page)
    expect(answers(page)).to_contain_text("a0 b1 c2")
    expect(questions(page)).to_have_count(1)
    page.reload()
    expect(answers(page)).to_contain_text("a0 b1 c2")
    expect(trouble_of(page)).to_contain_text("was lost during this request")
    fragile.wait_until_ready()
    trouble_of(page).get_by_role("button", name="Try again").click()
    expect(page.get_by_label("Variant 2 of 2")).to_be_visible()


def test_a_server_that_is_about_to_stop_says_so_and_takes_no_question(
    new_page: NewPage, fragile: LiveServer, picture: Picture, trouble: Trouble
) -> None:
    trouble.allow(BROKEN)
    page, other = new_page(server=fragile), new_page(server=fragile)
    for one in (page, other):
        one.goto("/", wait_until="networkidle")  # all of the page is there
    ask_until(page, slowly(letters(500)), "c2")
    assert fragile.process is not None
    fragile.process.send_signal(signal.SIGTERM)
    ask(other, "Say «nothing»")
    expect(trouble_of(page)).to_contain_text("The server is shutting down")
    expect(composer(other)).to_have_value("Say «nothing»")
    picture(other, "server stopping")
    fragile.process.wait()
    fragile.start()
    expect(questions(page)).to_have_count(1)
    expect(answers(page)).to_contain_text("a0 b1 c2")
    page.reload()
    expect(answers(page)).to_contain_text("a0 b1 c2")
    composer(other).press("Enter")
    expect_one_turn(other, "Say «nothing»", "nothing")
