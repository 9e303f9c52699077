"""The chat page while another tab, device or program goes on with its conversation, or deletes it."""

from __future__ import annotations

from openai import OpenAI
from playwright.sync_api import Page, expect

from tests.web.accessibility import check_accessibility
from tests.web.chatting import answers, ask, composer, expect_one_turn, letters, questions, slowly, text_of
from tests.web.conftest import NewPage, Picture
from tests.web.trouble import Trouble

GONE = "This conversation does not exist, or is not yours."
LOOK_ELSEWHERE = "() => window.dispatchEvent(new Event('focus'))"
"""What a window says when its person is back from another."""


def greeted(page: Page) -> str:
    """The id of a conversation with one turn, which the page shows."""
    page.goto("/")
    ask(page, "Say «Hello»")
    expect(text_of(answers(page))).to_have_text("Hello")
    return page.url.rpartition("/")[2]


def test_a_link_to_nothing_leads_back_to_a_new_chat(page: Page, picture: Picture, trouble: Trouble) -> None:
    trouble.allow("status of 404")
    page.goto("/c/conv_unknown")
    expect(page.get_by_role("alert")).to_contain_text(GONE)
    picture(page, "conversation gone")
    check_accessibility(page)
    page.get_by_role("alert").get_by_role("button", name="New chat").click()
    ask(page, "Say «Hello»")
    expect_one_turn(page, "Say «Hello»", "Hello")


def test_a_conversation_that_is_deleted_elsewhere_takes_no_question_with_it(
    page: Page, client: OpenAI, trouble: Trouble
) -> None:
    trouble.allow("status of 404")
    client.conversations.delete(greeted(page))
    ask(page, "Say «And now?»")
    expect(page.get_by_role("alert")).to_contain_text(GONE)
    expect(composer(page)).to_have_value("Say «And now?»")
    page.get_by_role("alert").get_by_role("button", name="New chat").click()
    expect(composer(page)).to_have_value("Say «And now?»")
    composer(page).press("Enter")
    expect_one_turn(page, "Say «And now?»", "And now?")


def test_a_conversation_that_is_deleted_elsewhere_is_gone_when_the_person_is_back(
    page: Page, client: OpenAI, trouble: Trouble
) -> None:
    trouble.allow("status of 404")
    client.conversations.delete(greeted(page))
    page.evaluate(LOOK_ELSEWHERE)
    expect(page.get_by_role("alert")).to_contain_text(GONE)
    expect(page.get_by_text("No conversations yet.")).to_be_visible()


def test_an_answer_whose_conversation_is_deleted_comes_to_an_end(page: Page, client: OpenAI, trouble: Trouble) -> None:
    trouble.allow("status of 40[049]")
    page.goto("/")
    ask(page, slowly(letters(60)))
    expect(answers(page)).to_contain_text("c2")
    client.conversations.delete(page.url.rpartition("/")[2])
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    expect(answers(page).filter(has_text="c2").or_(page.get_by_role("alert").filter(has_text=GONE))).to_be_visible()


def test_another_device_shows_the_answer_that_is_being_made(page: Page, new_page: NewPage, picture: Picture) -> None:
    page.goto("/")
    ask(page, slowly(letters(90)))
    expect(answers(page)).to_contain_text("k36")  # a part of it is among the items already
    other = new_page()
    other.goto(page.url)
    page.reload()
    for one in (page, other):
        expect(text_of(answers(one).last)).to_contain_text("l37")
        assert answers(one).count() == 1
    picture(other, "another device")
    for one in (page, other):
        expect_one_turn(one, "a0 b1", letters(90))


def test_a_question_asked_while_another_tab_is_answered_waits_in_the_composer(
    page: Page, picture: Picture, trouble: Trouble
) -> None:
    trouble.allow("status of 400")
    greeted(page)
    tab = page.context.new_page()
    tab.goto(page.url)
    expect(text_of(answers(tab))).to_have_text("Hello")
    tab.route("**/v1/conversations/*?*", lambda route: route.abort())  # so that it does not know
    trouble.allow("net::ERR_FAILED")
    ask(page, slowly(letters(60)))
    expect(answers(page).last).to_contain_text("c2")
    tab.unroute_all()
    ask(tab, "Say «Me too»")
    expect(answers(tab).last).to_contain_text("c2")
    expect(composer(tab)).to_have_value("Say «Me too»")
    picture(tab, "locked by another tab")
    check_accessibility(tab)
    for one in (page, tab):
        expect(text_of(answers(one).last)).to_have_text(letters(60))
        expect(questions(one)).to_have_count(2)
    expect(composer(tab)).to_have_value("Say «Me too»")
    composer(tab).press("Enter")
    expect(text_of(answers(tab).last)).to_have_text("Me too")
    expect(questions(tab)).to_have_count(3)


def test_what_another_tab_asks_appears_here(page: Page) -> None:
    greeted(page)
    tab = page.context.new_page()
    tab.goto(page.url)
    expect(text_of(answers(tab))).to_have_text("Hello")
    ask(tab, slowly(letters(40)))
    expect(text_of(answers(page).last)).to_have_text(letters(40))
    expect(questions(page)).to_have_count(2)


def test_a_chat_that_two_tabs_delete_is_deleted_once(page: Page, client: OpenAI, trouble: Trouble) -> None:
    trouble.allow("status of 404")
    conversation_id = greeted(page)
    tab = page.context.new_page()
    tab.goto(page.url)
    expect(text_of(answers(tab))).to_have_text("Hello")
    for one in (page, tab):
        one.get_by_role("button", name="Actions for").click()
        one.get_by_role("button", name="Delete").click()
        expect(one.get_by_text("was deleted.")).to_be_visible()
    for one in (page, tab):
        expect(one.get_by_text("was deleted.")).to_have_count(0)
        expect(one.get_by_text("No conversations yet.")).to_be_visible()
        expect(one.get_by_role("alert")).to_have_count(0)
    remaining = page.request.get(f"/v1/conversations/{conversation_id}")
    assert remaining.status == 404


def test_a_chat_deleted_while_another_tab_shows_it_is_gone_there(page: Page, trouble: Trouble) -> None:
    trouble.allow("status of 404")
    greeted(page)
    tab = page.context.new_page()
    tab.goto(page.url)
    expect(text_of(answers(tab))).to_have_text("Hello")
    page.get_by_role("button", name="Actions for").click()
    page.get_by_role("button", name="Delete").click()
    expect(tab.get_by_role("alert")).to_contain_text(GONE)
