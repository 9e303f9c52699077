"""A question is asked and the answer comes: seen as it grows, stopped, and what is said below it."""

from __future__ import annotations

import pytest
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
    said_in,
    say,
    wait_for_answers,
)
from tests.web.conftest import Picture

LONG = "One two three four five six seven eight nine ten. " * 10


def test_an_answer_grows_until_it_is_there(page: Page, client: OpenAI, picture: Picture) -> None:
    page.goto("/")
    check_accessibility(page)
    picture(page, "asking first visit")
    ask(page, say("Hello **there**, how are you today?", slowly=True))
    expect(questions(page)).to_contain_text("Hello")
    expect(composer(page)).to_have_value("")
    expect(answers(page)).to_contain_text("Hello")
    expect(answers(page)).to_have_attribute("aria-busy", "true")
    picture(page, "asking writing")
    check_accessibility(page)
    wait_for_answers(page, 1)
    expect(answers(page)).to_contain_text("Hello there, how are you today?")
    expect(page.locator(".stats")).to_contain_text("chatml · 36 tokens ·")
    expect(page.get_by_role("status").filter(has_text="Answer complete, 6 words.")).to_have_count(1)
    picture(page, "asking complete")
    check_accessibility(page)
    assert said_in(client, id_of(page))[1] == "Hello **there**, how are you today?"


@pytest.mark.parametrize("how", ["Esc", "button"])
def test_a_stopped_answer_keeps_what_there_is(page: Page, picture: Picture, how: str) -> None:
    page.goto("/")
    ask(page, say(LONG, slowly=True))
    expect(answers(page)).to_contain_text("One two three")
    stop(page, how)
    wait_for_answers(page, 1)
    expect(answers(page)).to_contain_text("One two three")
    expect(answers(page)).not_to_contain_text("ten. " * 9)
    expect(answers(page).locator(".ending")).to_have_text("Stopped.")
    expect(page.locator(".stats")).to_contain_text("tokens/s")
    expect(composer(page)).to_be_focused()
    picture(page, f"asking stopped {how}")
    check_accessibility(page)


def stop(page: Page, how: str) -> None:
    if how == "Esc":
        page.keyboard.press("Escape")
    else:
        page.get_by_role("button", name="Stop").click()


def test_a_stop_before_the_first_word_is_one(page: Page, client: OpenAI) -> None:
    page.goto("/")
    ask(page, say(LONG, slowly=True))
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    expect(entries(page).get_by_label("Answering…")).to_have_count(0)
    ask_and_wait(page, say("Another answer"), num_answers=1)
    assert said_in(client, id_of(page))[-1] == "Another answer"


def test_one_question_follows_the_other(page: Page, client: OpenAI) -> None:
    page.goto("/")
    for number in range(1, 4):
        ask_and_wait(page, say(f"Answer {number}"), num_answers=number)
    expect(questions(page)).to_have_count(3)
    assert said_in(client, id_of(page))[1::2] == ["Answer 1", "Answer 2", "Answer 3"]


def test_an_example_is_asked_with_a_click(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Explain how a rainbow").click()
    expect(questions(page)).to_contain_text("Explain how a rainbow")


def test_nothing_is_sent_while_there_is_nothing_to_send(page: Page) -> None:
    page.goto("/")
    ask(page, "  ")
    expect(questions(page)).to_have_count(0)
    expect(page.get_by_role("button", name="Send")).to_be_disabled()


def test_what_is_typed_while_an_answer_comes_waits_in_the_composer(page: Page) -> None:
    page.goto("/")
    ask(page, say("1234567890" * 3, slowly=True))
    expect(answers(page)).to_contain_text("123")
    ask(page, say("next"))
    expect(composer(page)).to_have_value(say("next"))
    wait_for_answers(page, 1)
    composer(page).press("Enter")
    wait_for_answers(page, 2)
    expect(answers(page).last).to_contain_text("next")
