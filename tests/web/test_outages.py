"""The chat page while the server cannot be reached, or does not take what is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI
from playwright.sync_api import Page, Route, expect

from tests.live_server import LiveServer
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
from tests.web.wire import Wire

OFFLINE = "The server cannot be reached."
ASKING = "**/v1/responses"


@pytest.fixture(autouse=True)
def _network_errors_are_meant(trouble: Trouble) -> None:
    trouble.allow("net::ERR_")


@pytest.fixture
def wire(server: LiveServer) -> Iterator[Wire]:
    with Wire(server) as wire:
        yield wire


def refusal(status: int, message: str, code: str, **headers: str) -> dict[str, Any]:
    """An answer of the API as `route.fulfill` takes it."""
    body = {"error": {"message": message, "type": "requests", "param": None, "code": code}}
    return {"status": status, "body": json.dumps(body), "content_type": "application/json", "headers": headers}


def ask_and_hold(page: Page, question: str) -> Route:
    """Ask, and keep the request on its way until the test lets it go on."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    page.route(ASKING, keep, times=1)
    ask(page, question)
    expect(questions(page)).to_have_count(1)
    while not held:
        page.wait_for_timeout(20)
    return held[0]


def test_offline_all_that_was_read_can_be_read(page: Page, client: OpenAI, picture: Picture) -> None:
    client.responses.create(
        model="chatml", input="Say «Hello»", conversation=client.conversations.create().id, store=True
    )
    page.goto("/")
    page.get_by_role("navigation").get_by_role("link", name="Say").or_(
        page.get_by_role("navigation").get_by_role("listitem").get_by_role("link")
    ).first.click()
    expect(text_of(answers(page))).to_have_text("Hello")
    page.context.set_offline(True)
    expect(banner(page, OFFLINE)).to_be_visible()
    expect(text_of(answers(page))).to_have_text("Hello")
    picture(page, "offline while reading")
    check_accessibility(page)
    page.context.set_offline(False)
    expect(banner(page, OFFLINE)).to_have_count(0)


def test_an_answer_goes_on_when_the_network_is_back(new_page: NewPage, wire: Wire, picture: Picture) -> None:
    page = new_page(server=wire)
    page.goto("/")
    ask(page, slowly(letters(60)))
    expect(answers(page)).to_contain_text("c2")
    wire.cut()
    expect(page.get_by_text("The connection is lost.")).to_be_visible()
    expect(banner(page, OFFLINE)).to_be_visible()
    picture(page, "offline while an answer streams")
    check_accessibility(page)
    wire.mend()
    expect_one_turn(page, "a0 b1", letters(60))
    expect(banner(page, OFFLINE)).to_have_count(0)


def test_a_question_asked_offline_is_back_in_the_composer_and_one_turn_later(page: Page, picture: Picture) -> None:
    page.goto("/")
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_visible()
    page.context.set_offline(True)
    ask(page, "Say «Hello»")
    expect(trouble_of(page)).to_be_visible()
    expect(composer(page)).to_have_value("Say «Hello»")
    expect(questions(page)).to_have_count(0)
    picture(page, "asked offline")
    check_accessibility(page)
    page.context.set_offline(False)
    trouble_of(page).get_by_role("button", name="Try again").click()
    expect_one_turn(page, "Say «Hello»", "Hello")
    expect(composer(page)).to_have_value("")


def test_a_question_whose_answer_never_came_back_is_one_turn_when_it_is_sent_again(
    page: Page, client: OpenAI, trouble: Trouble
) -> None:
    """The server has it, and the page does not know."""
    page.goto("/")

    def lose_the_answer(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route(ASKING, lose_the_answer, times=1)
    ask(page, "Say «Hello»")
    expect(composer(page)).to_have_value("Say «Hello»")
    trouble_of(page).get_by_role("button", name="Try again").click()
    expect_one_turn(page, "Say «Hello»", "Hello")
    items = client.conversations.items.list(page.url.rpartition("/")[2]).data
    assert [item.type for item in items] == ["message", "message"]


def test_what_was_typed_meanwhile_stands_behind_a_question_that_comes_back(page: Page) -> None:
    page.goto("/")
    held = ask_and_hold(page, "Say «Hello»")
    composer(page).fill("And then?")
    held.abort()
    expect(composer(page)).to_have_value("Say «Hello»\n\nAnd then?")


def test_a_page_left_while_its_question_is_on_the_way_has_it_in_the_composer_again(page: Page) -> None:
    page.goto("/")
    ask_and_hold(page, "Say «Hello»")
    page.reload()
    expect(composer(page)).to_have_value("Say «Hello»")
    page.get_by_role("button", name="Send", exact=True).click()
    expect_one_turn(page, "Say «Hello»", "Hello")
    page.reload()
    expect(answers(page)).to_have_count(1)
    expect(composer(page)).to_have_value("")


def test_too_many_requests_count_down_to_the_next_try(page: Page, picture: Picture, trouble: Trouble) -> None:
    trouble.allow("status of 429")
    page.goto("/")
    answer = refusal(429, "Too many requests are waiting.", "rate_limit_exceeded", **{"Retry-After": "3"})
    page.route(ASKING, lambda route: route.fulfill(**answer), times=1)
    ask(page, "Say «Hello»")
    again = trouble_of(page).get_by_role("button")
    expect(again).to_have_text("Try again in 3 s")
    expect(again).to_be_disabled()
    picture(page, "too many requests")
    check_accessibility(page)
    expect(composer(page)).to_have_value("Say «Hello»")
    expect(again).to_have_text("Try again")
    again.click()
    expect_one_turn(page, "Say «Hello»", "Hello")


def test_an_edited_question_that_is_refused_is_not_lost(page: Page, trouble: Trouble) -> None:
    trouble.allow("status of 503")
    page.goto("/")
    ask(page, "Say «Hello»")
    expect(text_of(answers(page))).to_have_text("Hello")
    page.route("**/v1/conversations/*/fork", lambda route: route.abort(), times=1)
    page.route(ASKING, lambda route: route.fulfill(**refusal(503, "Not now.", "model_not_ready")), times=1)
    questions(page).hover()
    page.get_by_role("button", name="Edit").click()
    composer(page).fill("Say «Goodbye»")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text=OFFLINE)).to_be_visible()
    expect(composer(page)).to_have_value("Say «Goodbye»")
    expect(page.get_by_text("Editing a question")).to_be_visible()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(trouble_of(page)).to_contain_text("Not now.")
    expect(composer(page)).to_have_value("Say «Goodbye»")
    trouble_of(page).get_by_role("button", name="Try again").click()
    expect_one_turn(page, "Say «Goodbye»", "Goodbye")


def test_an_answer_asked_for_again_in_vain_can_be_asked_for_once_more(page: Page, trouble: Trouble) -> None:
    trouble.allow("status of 503")
    page.goto("/")
    ask(page, "Say «Hello»")
    expect(text_of(answers(page))).to_have_text("Hello")
    page.route(ASKING, lambda route: route.fulfill(**refusal(503, "Not now.", "model_not_ready")), times=1)
    page.get_by_role("button", name="Ask again").click()
    expect(trouble_of(page)).to_contain_text("Not now.")
    page.reload()
    expect(trouble_of(page)).to_contain_text("There is no answer.")
    trouble_of(page).get_by_role("button", name="Try again").click()
    expect_one_turn(page, "Say «Hello»", "Hello")


def test_a_stop_before_the_server_has_answered_stops_the_answer_there(page: Page, client: OpenAI) -> None:
    page.goto("/")
    held = ask_and_hold(page, slowly(letters(500)))
    page.get_by_role("button", name="Stop").click()
    held.continue_()
    expect(page.get_by_text("Stopped.").first).to_be_visible()
    expect(questions(page)).to_have_count(1)
    expect(composer(page)).to_have_value("")
