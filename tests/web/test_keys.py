"""The keyboard alone: the way through the page, the keys that mean something everywhere, where the focus goes."""

from __future__ import annotations

import re

import pytest
from openai import OpenAI
from playwright.sync_api import Locator, Page, expect

from tests.web.accessibility import check_accessibility
from tests.web.chatting import (
    answers,
    ask_and_wait,
    composer,
    entries,
    questions,
    say,
    sidebar,
    stored_chat,
    wait_for_answers,
)
from tests.web.conftest import NewPage, Picture

CLIPBOARD = "navigator.clipboard.readText()"


def test_from_the_first_key_to_an_answer_and_an_older_chat(page: Page, client: OpenAI) -> None:
    stored_chat(client, "Who?", "Ada.", title="Ada")
    page.goto("/")
    expect(composer(page)).to_be_focused()
    page.keyboard.type(say("Hello"))
    page.keyboard.press("Enter")
    wait_for_answers(page, 1)
    expect(composer(page)).to_be_focused()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(composer(page)).to_be_focused()
    entry = entries(page).filter(has_text="Ada").get_by_role("link")
    tab_to(page, entry, back=True)
    page.keyboard.press("Enter")
    expect(answers(page)).to_contain_text("Ada.")
    expect(composer(page)).to_be_focused()


def tab_to(page: Page, element: Locator, back: bool = False) -> None:
    for _ in range(40):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        if element.evaluate("(element) => element === document.activeElement"):
            return
    raise AssertionError(f"{element} is not on the way")


def test_the_way_is_skip_link_list_header_transcript_composer(page: Page, client: OpenAI) -> None:
    conversation = stored_chat(client, "Who?", "Ada.", title="Ada")
    page.goto(f"/c/{conversation}")
    expect(answers(page)).to_be_visible()
    skip = page.locator("a, button, textarea").first
    expect(skip).to_have_text("Skip to the question")
    skip.focus()
    expect(skip).to_be_in_viewport()
    for stop in (
        sidebar(page).get_by_role("button", name="New chat"),
        entries(page).get_by_role("link"),
        page.get_by_role("button", name="Show or hide the conversations"),
        page.get_by_role("button", name="Chat menu"),
        page.get_by_role("log"),
        questions(page).get_by_role("button", name="Edit"),
        answers(page).get_by_role("button", name="Fork here"),
        composer(page),
    ):
        tab_to(page, stop)
    skip.focus()
    page.keyboard.press("Enter")
    expect(composer(page)).to_be_focused()


def test_the_palette_finds_actions(page: Page, picture: Picture) -> None:
    page.goto("/")
    page.keyboard.press("Control+k")
    search = page.get_by_role("combobox", name="Search all chats")
    expect(search).to_be_focused()
    picture(page, "keys palette")
    check_accessibility(page)
    page.keyboard.type("theme")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(composer(page)).to_be_focused()


def test_the_palette_goes_with_arrows_and_opens_other_dialogs(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("settings")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("option", name="Instructions and settings")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="How this chat is answered")).to_be_visible()
    page.keyboard.press("Escape")
    expect(composer(page)).to_be_focused()


def test_ctrl_b_shows_and_hides_the_list_which_is_remembered(page: Page, picture: Picture) -> None:
    page.goto("/")
    expect(sidebar(page)).to_be_visible()
    page.keyboard.press("Control+b")
    expect(sidebar(page)).to_be_hidden()
    page.reload()
    expect(composer(page)).to_be_visible()
    expect(sidebar(page)).to_be_hidden()
    picture(page, "keys list hidden")
    assert page.get_by_role("main").bounding_box()["width"] == 1280  # type: ignore[index]
    page.keyboard.press("Control+b")
    expect(sidebar(page)).to_be_visible()


def test_the_last_answer_and_the_last_code_are_copied(new_page: NewPage) -> None:
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto("/")
    ask_and_wait(page, say("Look:\n```py\nx = 1\n```\n*done*"))
    page.keyboard.press("Control+Shift+C")
    expect(page.get_by_text("Copied.").first).to_be_visible()
    assert page.evaluate(CLIPBOARD) == "Look:\n```py\nx = 1\n```\n*done*"
    page.keyboard.press("Control+Shift+;")
    expect(answers(page)).to_be_visible()
    assert page.evaluate(CLIPBOARD) == "x = 1"
    answers(page).get_by_role("button", name="Copy", exact=True).click()
    expect(answers(page).get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate(CLIPBOARD).startswith("Look:")


def test_a_question_mark_shows_the_keys_but_not_while_one_types(page: Page, picture: Picture) -> None:
    page.goto("/")
    composer(page).press("?")
    expect(composer(page)).to_have_value("?")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    picture(page, "keys list of keys")
    check_accessibility(page)
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize(("opener", "name"), [("Search", "Search and actions"), ("Keys", "Keys")])
def test_the_focus_goes_back_to_what_opened_a_dialog(page: Page, opener: str, name: str) -> None:
    page.goto("/")
    button = page.get_by_role("button", name=opener, exact=True)
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name=name)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(button).to_be_focused()


def test_the_chat_menu_goes_with_arrows_and_gives_the_focus_back(page: Page, picture: Picture) -> None:
    page.goto("/")
    ask_and_wait(page, say("one"))
    button = page.get_by_role("button", name="Chat menu")
    button.focus()
    page.keyboard.press("Enter")
    first = page.get_by_role("button", name="Instructions and settings")
    expect(first).to_be_focused()
    picture(page, "keys chat menu")
    check_accessibility(page)
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("button", name="Delete")).to_be_focused()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()


def test_the_theme_is_remembered(page: Page, picture: Picture) -> None:
    page.goto("/")
    button = page.get_by_role("button", name=re.compile("^Theme"))
    button.click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    button.click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(button).to_have_accessible_name("Theme: dark. Change it")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(22, 24, 26)"
    picture(page, "keys dark theme")
    check_accessibility(page)
