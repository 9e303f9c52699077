"""Other tabs and devices of the same person: they see what is said, and go on with it."""

from __future__ import annotations

from openai import OpenAI
from playwright.sync_api import Page, expect

from tests.web.chatting import answers, ask, ask_and_wait, entries, id_of, questions, said_in, say, wait_for_answers
from tests.web.conftest import Picture
from tests.web.trouble import Trouble


def test_another_tab_shows_the_answer_while_it_comes(page: Page) -> None:
    page.goto("/")
    ask(page, say("1234567890" * 12, slowly=True))
    tab = page.context.new_page()
    tab.goto(f"/c/{id_of(page)}")
    for shown in (tab, page):
        expect(answers(shown)).to_contain_text("1234567890" * 3)
    for shown in (tab, page):
        wait_for_answers(shown, 1)
        expect(answers(shown)).to_contain_text("1234567890" * 12)


def test_a_tab_that_shows_the_chat_sees_what_is_asked_in_another(page: Page) -> None:
    page.goto("/")
    ask_and_wait(page, say("one"))
    tab = page.context.new_page()
    tab.goto(page.url)
    wait_for_answers(tab, 1)
    ask(page, say("1234567890" * 5, slowly=True))
    expect(questions(tab)).to_have_count(2)
    expect(answers(tab).last).to_contain_text("1234567890")
    wait_for_answers(tab, 2)
    ask_and_wait(tab, say("three"), num_answers=3)
    wait_for_answers(page, 3)
    expect(answers(page).last).to_contain_text("three")


def test_a_new_chat_is_in_the_list_of_another_tab(page: Page) -> None:
    page.goto("/")
    tab = page.context.new_page()
    tab.goto("/")
    expect(tab.get_by_text("No conversations yet.")).to_be_visible()
    ask_and_wait(page, say("one"))
    expect(entries(tab)).to_have_count(1)


def test_the_phone_goes_on_where_the_desk_was(page: Page, phone_page: Page, client: OpenAI, picture: Picture) -> None:
    page.goto("/")
    ask(page, say("1234567890" * 8, slowly=True))
    phone_page.goto(f"/c/{id_of(page)}")
    expect(answers(phone_page)).to_contain_text("1234567890" * 2)
    picture(phone_page, "devices phone in mid-answer")
    phone_page.get_by_role("button", name="Stop").tap()
    wait_for_answers(phone_page, 1)
    wait_for_answers(page, 1)
    expect(answers(page).locator(".ending")).to_have_text("Stopped.")
    ask_and_wait(phone_page, say("two"), num_answers=2)
    picture(phone_page, "devices phone after an answer")
    page.evaluate("dispatchEvent(new Event('focus'))")  # the person is back at the desk
    expect(answers(page).last).to_contain_text("two")
    assert said_in(client, id_of(page))[-1] == "two"


def test_a_question_to_a_chat_that_answers_another_device_waits(page: Page, phone_page: Page, trouble: Trouble) -> None:
    trouble.allow("status of 400")
    page.goto("/")
    ask_and_wait(page, say("one"))
    phone_page.goto(page.url)
    wait_for_answers(phone_page, 1)
    ask(page, say("1234567890" * 5, slowly=True))
    expect(answers(page).last).to_contain_text("123")
    ask(phone_page, say("two"))
    expect(questions(phone_page)).to_have_count(2)
    expect(phone_page.get_by_role("textbox")).to_have_value(say("two"))
    wait_for_answers(phone_page, 2)
