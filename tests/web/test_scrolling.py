"""Long chats: the end is followed until the reader looks elsewhere, older messages come without a jump."""

from __future__ import annotations

import pytest
from openai import OpenAI
from playwright.sync_api import Locator, Page, expect

from tests.web.chatting import (
    answers,
    ask,
    ask_and_wait,
    composer,
    id_of,
    questions,
    say,
    stored_chat,
    wait_for_answers,
)
from tests.web.conftest import NewPage, Picture

DISTANCE = "(log) => log.scrollHeight - log.clientHeight - log.scrollTop"
UP_BY_WHEEL = """(log) => {
    log.dispatchEvent(new WheelEvent("wheel", {deltaY: -100}));
    log.scrollTop = 60;
    log.dispatchEvent(new Event("scroll"));
}"""
TOP_OF = """(log, text) => [...log.querySelectorAll('article')].find((one) => one.textContent.includes(text))
    .getBoundingClientRect().top"""
LINES = "".join(f"{number}\n\n" for number in range(100, 120))


@pytest.fixture
def low_page(new_page: NewPage) -> Page:
    """A window that is full after a few lines."""
    return new_page(viewport={"width": 1000, "height": 450})


def log(page: Page) -> Locator:
    return page.get_by_role("log")


def distance(page: Page) -> int:
    return int(log(page).evaluate(DISTANCE))


def long_texts(number: int) -> list[str]:
    """So many questions, and answers of different lengths."""
    pairs = ((f"Question {index}?", f"Answer {index}. " + "word " * (index % 7 * 20)) for index in range(number))
    return [text for pair in pairs for text in pair]


def test_the_end_of_a_growing_answer_stays_in_view(low_page: Page) -> None:
    low_page.goto("/")
    ask(low_page, say(LINES + "the end", slowly=True))
    expect(answers(low_page).get_by_text("114")).to_be_in_viewport()
    assert distance(low_page) < 48
    wait_for_answers(low_page, 1)
    expect(low_page.locator(".stats")).to_be_in_viewport(ratio=1)
    expect(low_page.get_by_role("button", name="Latest")).to_have_count(0)


def test_a_reader_who_scrolls_up_stays_there_even_when_the_answer_ends(low_page: Page, picture: Picture) -> None:
    low_page.goto("/")
    ask(low_page, say(LINES + "the end", slowly=True))
    expect(answers(low_page).get_by_text("111")).to_be_in_viewport()
    log(low_page).hover()
    low_page.mouse.wheel(0, -200)
    expect(low_page.get_by_role("button", name="Latest")).to_be_visible()
    top = low_page.evaluate("document.querySelector('.transcript').scrollTop")
    picture(low_page, "scrolling away from the end")
    wait_for_answers(low_page, 1)
    expect(questions(low_page).get_by_role("button", name="Edit")).to_have_count(1)
    low_page.wait_for_load_state("networkidle")
    assert abs(low_page.evaluate("document.querySelector('.transcript').scrollTop") - top) < 2
    low_page.get_by_role("button", name="Latest").click()
    expect(low_page.get_by_role("button", name="Latest")).to_have_count(0)
    assert distance(low_page) < 24


@pytest.mark.parametrize("key", ["PageUp", "Home"])
def test_keys_let_go_of_the_end_too(low_page: Page, key: str) -> None:
    low_page.goto("/")
    ask(low_page, say(LINES + "the end", slowly=True))
    expect(answers(low_page).get_by_text("111")).to_be_in_viewport()
    log(low_page).focus()
    low_page.keyboard.press(key)
    expect(low_page.get_by_role("button", name="Latest")).to_be_visible()
    expect(answers(low_page).get_by_text("117")).to_be_attached()
    assert distance(low_page) > 60


def test_what_is_asked_goes_to_the_end(page: Page, client: OpenAI) -> None:
    page.goto(f"/c/{stored_chat(client, *long_texts(30))}")
    expect(answers(page).last).to_be_in_viewport()
    log(page).hover()
    page.mouse.wheel(0, -2000)
    expect(page.get_by_role("button", name="Latest")).to_be_visible()
    ask(page, say("here"))
    expect(answers(page).last).to_contain_text("here")
    expect(answers(page).last).to_be_in_viewport()


def test_five_hundred_messages_leave_the_composer_in_view_and_come_as_one_scrolls(
    page: Page, client: OpenAI, picture: Picture
) -> None:
    page.goto(f"/c/{stored_chat(client, *long_texts(250))}")
    expect(answers(page).last).to_be_in_viewport()
    expect(composer(page)).to_be_in_viewport(ratio=1)
    expect(questions(page)).to_have_count(50)
    picture(page, "scrolling 500 messages")
    log(page).hover()
    for number in (100, 150):
        scroll_up_until_there_are(page, number)
    expect(composer(page)).to_be_in_viewport(ratio=1)
    ask_and_wait(page, say("after"), num_answers=1)
    expect(answers(page).last).to_be_in_viewport()
    assert id_of(page)


def scroll_up_until_there_are(page: Page, number: int) -> None:
    """So many questions; what is read meanwhile stays where it is."""
    for _ in range(200):
        if questions(page).count() >= number:
            return
        page.mouse.wheel(0, -700)
        page.wait_for_timeout(15)
    raise AssertionError(f"{questions(page).count()} questions in the end")


def test_older_messages_come_without_a_jump(page: Page, client: OpenAI) -> None:
    page.goto(f"/c/{stored_chat(client, *long_texts(120))}")
    expect(answers(page).last).to_be_in_viewport()
    expect(questions(page)).to_have_count(50)
    log(page).evaluate(UP_BY_WHEEL)
    before = log(page).evaluate(TOP_OF, "Question 71?")
    expect(questions(page)).to_have_count(100)
    expect(questions(page).first).to_contain_text("Question 20?")
    after = log(page).evaluate(TOP_OF, "Question 71?")
    assert abs(after - before) < 40


def test_variants_are_switched_where_one_reads(page: Page, client: OpenAI) -> None:
    page.goto(f"/c/{stored_chat(client, *long_texts(30))}")
    expect(answers(page).last).to_be_in_viewport()
    questions(page).nth(3).scroll_into_view_if_needed()
    questions(page).nth(3).hover()
    questions(page).nth(3).get_by_role("button", name="Edit").click()
    composer(page).fill(say("other"))
    composer(page).press("Enter")
    wait_for_answers(page, 1)
    page.get_by_role("button", name="Previous variant").click()
    expect(questions(page)).to_have_count(30)
    expect(page.get_by_role("button", name="Next variant")).to_be_in_viewport()
