"""Token probabilities: colours, what could have been said, and the way on from there."""

from __future__ import annotations

import re

import pytest
from openai import OpenAI
from playwright.sync_api import Locator, Page, expect

from tests.web.accessibility import check_accessibility
from tests.web.chatting import answers, ask, ask_and_wait, choose, id_of, said_in, say, wait_for_answers
from tests.web.conftest import Picture

LINES = "\n".join(f"Line {number}" for number in range(60))


def alternatives(page: Page) -> Locator:
    return page.get_by_role("group", name="What the model could have said here")


@pytest.fixture
def showing(page: Page) -> Page:
    """The page, with the switch on."""
    page.goto("/")
    choose(page, "Token probabilities")
    return page


def test_the_switch_shows_each_token_with_its_probability(showing: Page, picture: Picture) -> None:
    ask_and_wait(showing, say("Hello"))
    tokens = answers(showing).locator(".token")
    expect(tokens).to_have_count(5)
    expect(tokens.first).to_have_accessible_name(re.compile(r"^H: [\d.]+ %$"))
    tokens.nth(1).click()
    expect(alternatives(showing)).to_be_visible()
    expect(alternatives(showing).get_by_role("button")).to_have_count(4)
    picture(showing, "tokens alternatives")
    check_accessibility(showing)
    showing.keyboard.press("Escape")
    choose(showing, "Token probabilities")
    expect(tokens).to_have_count(0)
    expect(answers(showing)).to_contain_text("Hello")


def test_the_switch_is_remembered_and_probabilities_are_stored(showing: Page) -> None:
    ask_and_wait(showing, say("Hello"))
    showing.reload()
    expect(answers(showing).locator(".token")).to_have_count(5)


def test_an_alternative_forks_the_chat_with_what_was_said_before(showing: Page, client: OpenAI) -> None:
    ask_and_wait(showing, say("Hello"))
    answers(showing).locator(".token").nth(2).click()
    alternatives(showing).get_by_role("button", name="L ").click()
    expect(answers(showing)).to_contain_text("2/2")
    wait_for_answers(showing, 1)
    assert said_in(client, id_of(showing))[-1].startswith("HeL")
    showing.get_by_role("button", name="Previous variant").click()
    expect(answers(showing)).to_contain_text("Hello")


def test_tokens_are_picked_with_the_keyboard(showing: Page) -> None:
    ask_and_wait(showing, say("Hello"))
    tokens = answers(showing).locator(".token")
    tokens.first.focus()
    showing.keyboard.press("Tab")
    expect(tokens.nth(1)).to_be_focused()
    showing.keyboard.press("Enter")
    expect(alternatives(showing)).to_be_visible()
    expect(alternatives(showing).locator("button:enabled").first).to_be_focused()
    showing.keyboard.press("Escape")
    expect(alternatives(showing)).to_be_hidden()
    expect(tokens.nth(1)).to_be_focused()


def test_alternatives_stand_beside_their_token_in_a_long_answer(showing: Page, picture: Picture) -> None:
    ask_and_wait(showing, say(LINES))
    expect(answers(showing).get_by_text("Line 59")).to_be_in_viewport()
    token = answers(showing).locator(".token").last
    token.click()
    expect(alternatives(showing)).to_be_in_viewport(ratio=1)
    box, at = alternatives(showing).bounding_box(), token.bounding_box()
    assert box is not None
    assert at is not None
    assert min(abs(box["y"] - at["y"] - at["height"]), abs(at["y"] - box["y"] - box["height"])) < 12
    picture(showing, "tokens long answer")


def test_tokens_grow_as_they_come(showing: Page, picture: Picture) -> None:
    ask(showing, say("1234567890" * 5, slowly=True))
    expect(answers(showing).locator(".token").nth(12)).to_be_visible()
    picture(showing, "tokens growing")
    wait_for_answers(showing, 1)
    expect(answers(showing).locator(".token")).to_have_count(50)


def test_an_answer_without_probabilities_says_so(page: Page) -> None:
    page.goto("/")
    ask_and_wait(page, say("Hello"))
    choose(page, "Token probabilities")
    expect(answers(page)).to_contain_text("This answer was made without probabilities. Ask again to see them.")
