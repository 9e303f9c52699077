"""Variants of a chat: another answer, another wording of a question, a chat that goes on alone."""

from __future__ import annotations

from openai import OpenAI
from playwright.sync_api import Locator, Page, expect

from tests.web.accessibility import check_accessibility
from tests.web.chatting import (
    answers,
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


def switch(of: Locator) -> Locator:
    return of.locator(".variants")


def test_asked_again_the_other_answer_is_a_step_away(page: Page, picture: Picture) -> None:
    page.goto("/")
    ask_and_wait(page, say("First"))
    page.get_by_role("button", name="Ask again").click()
    expect(switch(answers(page))).to_have_text("2/2")
    wait_for_answers(page, 1)
    picture(page, "variants of an answer")
    check_accessibility(page)
    page.get_by_role("button", name="Previous variant").click()
    expect(switch(answers(page))).to_have_text("1/2")
    expect(page.get_by_role("button", name="Previous variant")).to_be_disabled()
    page.get_by_role("button", name="Next variant").click()
    expect(switch(answers(page))).to_have_text("2/2")
    expect(entries(page)).to_have_count(1)


def test_a_question_is_edited_beside_the_first_wording(page: Page, client: OpenAI, picture: Picture) -> None:
    page.goto("/")
    ask_and_wait(page, say("one"))
    ask_and_wait(page, say("two"), num_answers=2)
    questions(page).last.hover()
    questions(page).last.get_by_role("button", name="Edit").click()
    expect(composer(page)).to_be_focused()
    expect(composer(page)).to_have_value(say("two"))
    picture(page, "variants editing")
    check_accessibility(page)
    composer(page).fill(say("three"))
    composer(page).press("Enter")
    wait_for_answers(page, 2)
    expect(answers(page).last).to_contain_text("three")
    expect(switch(questions(page).last)).to_have_text("2/2")
    assert said_in(client, id_of(page)) == [say("one"), "one", say("three"), "three"]
    picture(page, "variants of a question")
    questions(page).last.get_by_role("button", name="Previous variant").click()
    expect(answers(page).last).to_contain_text("two")
    expect(switch(questions(page).last)).to_have_text("1/2")


def test_the_first_question_is_edited_and_both_are_one_entry(page: Page, client: OpenAI) -> None:
    page.goto("/")
    ask_and_wait(page, say("one"))
    composer(page).press("ArrowUp")
    composer(page).fill(say("another"))
    composer(page).press("Enter")
    wait_for_answers(page, 1)
    expect(answers(page)).to_contain_text("another")
    expect(switch(questions(page))).to_have_text("2/2")
    expect(entries(page)).to_have_count(1)
    assert said_in(client, id_of(page)) == [say("another"), "another"]
    page.get_by_role("button", name="Previous variant").click()
    expect(answers(page)).to_contain_text("one")


def test_an_edit_that_is_left_changes_nothing(page: Page) -> None:
    page.goto("/")
    ask_and_wait(page, say("one"))
    composer(page).press("ArrowUp")
    expect(page.get_by_text("Editing a question")).to_be_visible()
    composer(page).press("Escape")
    expect(page.get_by_text("Editing a question")).to_have_count(0)
    expect(composer(page)).to_have_value("")
    expect(questions(page)).to_have_text(say("one"))


def test_what_was_typed_is_there_again_when_an_edit_is_left(page: Page) -> None:
    page.goto("/")
    ask_and_wait(page, say("one"))
    composer(page).fill("half a thought")
    questions(page).hover()
    questions(page).get_by_role("button", name="Edit").click()
    expect(composer(page)).to_have_value(say("one"))
    page.get_by_role("button", name="Leave it as it was").click()
    expect(composer(page)).to_have_value("half a thought")


def test_a_fork_goes_on_alone(page: Page, client: OpenAI) -> None:
    page.goto("/")
    ask_and_wait(page, say("one"))
    ask_and_wait(page, say("two"), num_answers=2)
    first = id_of(page)
    answers(page).first.get_by_role("button", name="Fork here").click()
    expect(answers(page)).to_have_count(1)
    ask_and_wait(page, say("three"), num_answers=2)
    assert said_in(client, id_of(page)) == [say("one"), "one", say("three"), "three"]
    assert said_in(client, first) == [say("one"), "one", say("two"), "two"]
    expect(switch(questions(page).last)).to_have_text("2/2")


def test_variants_are_there_after_a_reload(page: Page) -> None:
    page.goto("/")
    ask_and_wait(page, say("one"))
    page.get_by_role("button", name="Ask again").click()
    expect(switch(answers(page))).to_have_text("2/2")
    wait_for_answers(page, 1)
    page.reload()
    expect(switch(answers(page))).to_have_text("2/2")
