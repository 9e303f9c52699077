"""The page on a phone: the list lies over the chat, nothing is wider than the screen, everything can be touched."""

from __future__ import annotations

import pytest
from openai import OpenAI
from playwright.sync_api import Page, expect

from tests.web.accessibility import check_accessibility
from tests.web.chatting import answers, ask_and_wait, composer, entries, open_menu, say, sidebar, stored_chat
from tests.web.conftest import PHONE, NewPage, Picture

WIDE = (
    "| a | b | c | d | e | f | g |\n|-|-|-|-|-|-|-|\n"
    "| " + "longwordlongword | " * 7 + "\n\n```\n" + "x" * 300 + "\n```\n\n" + "y" * 300
)
IS_TOO_WIDE = "document.documentElement.scrollWidth > innerWidth"
SMALL = """[...document.querySelectorAll("button, a, select, input")].filter((element) => {
    const box = element.getBoundingClientRect();
    return element.checkVisibility({visibilityProperty: true, contentVisibilityAuto: true}) && box.width > 1
        && element.type !== "checkbox" && !element.closest(".skip, .sidebar-foot")
        && (box.width < 44 || box.height < 24);
}).map((element) => element.ariaLabel || element.textContent)"""


def test_the_list_is_drawn_over_the_chat(phone_page: Page, client: OpenAI, picture: Picture) -> None:
    conversation = stored_chat(client, "Who?", "Ada.", title="Ada")
    phone_page.goto("/")
    expect(sidebar(phone_page)).to_be_hidden()
    picture(phone_page, "phone first visit")
    check_accessibility(phone_page)
    phone_page.get_by_role("button", name="Show or hide the conversations").tap()
    expect(entries(phone_page)).to_be_in_viewport(ratio=1)
    picture(phone_page, "phone drawer")
    check_accessibility(phone_page)
    entries(phone_page).get_by_role("link").tap()
    expect(sidebar(phone_page)).to_be_hidden()
    expect(phone_page).to_have_url(f"/c/{conversation}")
    expect(composer(phone_page)).not_to_be_focused()


def test_the_drawer_closes_with_esc_and_with_a_touch_beside_it(phone_page: Page) -> None:
    phone_page.goto("/")
    toggle = phone_page.get_by_role("button", name="Show or hide the conversations")
    toggle.tap()
    expect(sidebar(phone_page)).to_be_visible()
    phone_page.keyboard.press("Escape")
    expect(sidebar(phone_page)).to_be_hidden()
    toggle.tap()
    expect(sidebar(phone_page)).to_be_visible()
    phone_page.touchscreen.tap(380, 500)
    expect(sidebar(phone_page)).to_be_hidden()


@pytest.mark.parametrize("width", [320, 390])
def test_nothing_is_wider_than_the_screen(new_page: NewPage, client: OpenAI, picture: Picture, width: int) -> None:
    page = new_page(**PHONE | {"viewport": {"width": width, "height": 640}})
    page.goto(f"/c/{stored_chat(client, 'z' * 200, WIDE)}")
    expect(answers(page)).to_be_visible()
    picture(page, f"phone wide content {width}")
    assert not page.evaluate(IS_TOO_WIDE)
    assert page.evaluate("document.querySelector('.transcript').scrollWidth <= innerWidth")
    expect(composer(page)).to_be_in_viewport(ratio=1)
    open_menu(page)
    picture(page, f"phone menu {width}")
    assert not page.evaluate(IS_TOO_WIDE)
    check_accessibility(page)


def test_all_that_is_touched_is_large_enough(phone_page: Page) -> None:
    phone_page.goto("/")
    ask_and_wait(phone_page, say("Hello\n```py\nx\n```"))
    assert phone_page.evaluate(SMALL) == []


def test_dialogs_fit_the_screen(new_page: NewPage, picture: Picture) -> None:
    page = new_page(**PHONE | {"viewport": {"width": 320, "height": 500}})
    page.goto("/")
    open_menu(page).get_by_role("button", name="Instructions and settings").tap()
    expect(page.get_by_role("dialog")).to_be_visible()
    picture(page, "phone settings")
    assert not page.evaluate(IS_TOO_WIDE)
    page.get_by_role("button", name="Save", exact=True).scroll_into_view_if_needed()
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_in_viewport(ratio=1)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_visible()
    picture(page, "phone palette")
    assert not page.evaluate(IS_TOO_WIDE)


def test_the_answer_comes_on_a_phone_in_the_dark(new_page: NewPage, picture: Picture) -> None:
    page = new_page(**PHONE, color_scheme="dark")
    page.goto("/")
    ask_and_wait(page, say("Hello **there**.\n\n1. one\n2. two\n\n> quoted\n\n`code`"))
    picture(page, "phone dark")
    check_accessibility(page)
