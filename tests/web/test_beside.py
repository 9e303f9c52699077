"""Two chats side by side: one composer asks both, each has its model and settings."""

from __future__ import annotations

import re

import pytest
from openai import OpenAI
from playwright.sync_api import Locator, Page, expect

from tests.web.accessibility import check_accessibility
from tests.web.chatting import ANSWER, ask, ask_and_wait, choose, composer, entries, id_of, open_menu, say
from tests.web.conftest import PHONE, NewPage, Picture


def column(page: Page, index: int) -> Locator:
    return page.locator(".column").nth(index)


def answers_in(page: Page, index: int) -> Locator:
    return column(page, index).get_by_role("article", name=ANSWER)


@pytest.fixture
def both(page: Page) -> Page:
    """The page with a chat of one answer, and a fork of it beside it."""
    page.goto("/")
    ask_and_wait(page, say("one"))
    choose(page, "Show a variant beside it")
    expect(answers_in(page, 1)).to_contain_text("one")
    return page


def wait_for_both(page: Page, number: int) -> None:
    expect(page.locator(".stats")).to_have_count(2 * number)
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)


def test_one_composer_asks_both(both: Page, picture: Picture) -> None:
    picture(both, "beside opened")
    check_accessibility(both)
    ask(both, say("two"))
    wait_for_both(both, 2)
    for index in (0, 1):
        expect(answers_in(both, index).last).to_contain_text("two")
    picture(both, "beside answered")
    check_accessibility(both)
    expect(entries(both)).to_have_count(1)


def test_the_right_one_has_a_model_of_its_own(both: Page) -> None:
    column(both, 1).get_by_role("button", name="Model: chatml").click()
    both.locator(".menu:popover-open").get_by_role("button", name="thinking Ready").click()
    ask(both, say("two"))
    wait_for_both(both, 2)
    expect(answers_in(both, 0).last).to_have_accessible_name("Assistant, chatml")
    expect(answers_in(both, 1).last).to_have_accessible_name("Assistant, thinking")
    both.reload()
    expect(answers_in(both, 1).last).to_have_accessible_name("Assistant, thinking")
    expect(column(both, 0).get_by_role("button", name="Model: chatml")).to_be_visible()


def test_the_right_one_has_settings_of_its_own(both: Page, client: OpenAI) -> None:
    column(both, 1).get_by_role("button", name="Instructions and settings").click()
    both.get_by_role("spinbutton", name="Temperature").fill("0.1")
    with both.expect_response(lambda answer: answer.request.method == "POST") as changed:
        both.get_by_role("button", name="Save", exact=True).click()
    assert id_of(both) not in changed.value.url
    right = re.search(r"beside=(\w+)", both.url)
    assert right is not None
    assert client.conversations.retrieve(right[1]).model_dump()["defaults"]["temperature"] == 0.1


@pytest.mark.parametrize("closed", [0, 1])
def test_either_is_closed_and_the_other_goes_on_alone(both: Page, closed: int) -> None:
    ask(both, say("two"))
    wait_for_both(both, 2)
    right = re.search(r"beside=(\w+)", both.url)
    assert right is not None
    kept = [right[1], id_of(both)][closed]
    column(both, closed).get_by_role("button", name="Close this one").click()
    expect(both.locator(".column")).to_have_count(1)
    assert id_of(both) == kept
    ask_and_wait(both, say("three"), num_answers=3)


def test_both_are_stopped_at_once(both: Page) -> None:
    ask(both, say("1234567890" * 20, slowly=True))
    for index in (0, 1):
        expect(answers_in(both, index).last).to_contain_text("123")
    both.keyboard.press("Escape")
    wait_for_both(both, 2)
    for index in (0, 1):
        expect(answers_in(both, index).last).to_contain_text("Stopped.")


def test_an_answer_of_the_right_one_is_asked_for_again_there(both: Page) -> None:
    answers_in(both, 1).get_by_role("button", name="Ask again").click()
    expect(answers_in(both, 1).locator(".variants")).to_be_visible()
    expect(both.locator(".column")).to_have_count(2)
    wait_for_both(both, 1)
    expect(composer(both)).to_be_enabled()


def test_side_by_side_in_the_dark_and_on_a_phone(both: Page, new_page: NewPage, picture: Picture) -> None:
    for name, options in (("dark", {"color_scheme": "dark"}), ("phone", PHONE)):
        page = new_page(**options)
        page.goto(both.url)
        expect(answers_in(page, 1)).to_contain_text("one")
        picture(page, f"beside {name}")
        check_accessibility(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    open_menu(page)
