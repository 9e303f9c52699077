"""Addresses: a chat's own, the way back and forward, a question in a link, a reload at any time."""

from __future__ import annotations

import re

from openai import OpenAI
from playwright.sync_api import Page, expect

from tests.web.accessibility import check_accessibility
from tests.web.chatting import (
    answers,
    ask,
    ask_and_wait,
    composer,
    entries,
    id_of,
    questions,
    say,
    stored_chat,
    wait_for_answers,
)
from tests.web.conftest import Picture
from tests.web.trouble import Trouble


def test_the_address_of_a_chat_opens_it(page: Page, client: OpenAI) -> None:
    conversation = stored_chat(client, "Are you there?", "I am.", title="Presence")
    page.goto(f"/c/{conversation}")
    expect(answers(page)).to_contain_text("I am.")
    expect(page).to_have_title(re.compile("^Presence"))
    expect(entries(page).get_by_role("link")).to_have_attribute("aria-current", "page")


def test_back_and_forward_go_from_chat_to_chat(page: Page, client: OpenAI) -> None:
    first, second = (stored_chat(client, "Who?", f"{name}.", title=name) for name in ("Ada", "Bob"))
    page.goto(f"/c/{first}")
    entries(page).filter(has_text="Bob").get_by_role("link").click()
    expect(answers(page)).to_contain_text("Bob.")
    page.go_back()
    expect(answers(page)).to_contain_text("Ada.")
    assert id_of(page) == first
    page.go_forward()
    expect(answers(page)).to_contain_text("Bob.")
    assert id_of(page) == second


def test_a_chat_that_does_not_exist_is_said_so(page: Page, trouble: Trouble, picture: Picture) -> None:
    trouble.allow("status of 404")
    page.goto("/c/conv_" + "0" * 48)
    expect(page.get_by_role("alert")).to_contain_text("does not exist")
    picture(page, "addresses gone")
    check_accessibility(page)
    page.get_by_role("alert").get_by_role("button", name="New chat").click()
    expect(page.get_by_text("What shall we talk about?")).to_be_visible()


def test_a_question_in_a_link_is_asked_only_when_the_person_wants_it(page: Page, picture: Picture) -> None:
    page.goto("/?q=Say%20%C2%ABlinked%C2%BB")
    expect(page.get_by_text("A link brought this question:")).to_be_visible()
    expect(questions(page)).to_have_count(0)
    picture(page, "addresses linked question")
    check_accessibility(page)
    page.get_by_role("button", name="Ask it").click()
    wait_for_answers(page, 1)
    expect(answers(page)).to_contain_text("linked")
    page.reload()
    expect(questions(page)).to_have_count(1)


def test_an_answer_goes_on_over_a_reload(page: Page) -> None:
    page.goto("/")
    ask(page, say("1234567890" * 12, slowly=True))
    expect(answers(page)).to_contain_text("1234567890")
    page.reload()
    expect(answers(page)).to_have_attribute("aria-busy", "true")
    expect(answers(page)).to_contain_text("1234567890" * 2)
    wait_for_answers(page, 1)
    expect(answers(page)).to_contain_text("1234567890" * 12)


def test_a_new_chat_is_one_step_of_the_history(page: Page) -> None:
    page.goto("/")
    ask_and_wait(page, say("one"))
    conversation = id_of(page)
    page.get_by_role("button", name="New chat", exact=True).click()
    expect(questions(page)).to_have_count(0)
    expect(composer(page)).to_be_focused()
    page.go_back()
    assert id_of(page) == conversation
    expect(answers(page)).to_contain_text("one")


def test_a_middle_click_on_an_entry_leaves_the_chat_where_it_is(page: Page, client: OpenAI) -> None:
    conversation = stored_chat(client, "Who?", "Ada.", title="Ada")
    page.goto("/")
    with page.context.expect_page() as opened:
        entries(page).get_by_role("link").click(modifiers=["Control"])
    expect(answers(opened.value)).to_contain_text("Ada.")
    assert id_of(opened.value) == conversation
    expect(page).to_have_url(re.compile("/$"))
