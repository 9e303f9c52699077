"""The list of conversations: renamed, pinned, put away, deleted; which is answering; which is shown."""

from __future__ import annotations

import re

import pytest
from openai import NotFoundError, OpenAI
from playwright.sync_api import Locator, Page, expect

from tests.live_server import wait_until
from tests.web.accessibility import check_accessibility
from tests.web.chatting import (
    answers,
    ask,
    choose,
    composer,
    entries,
    id_of,
    open_menu,
    say,
    sidebar,
    stored_chat,
    wait_for_answers,
)
from tests.web.conftest import NewPage, Picture


def entry(page: Page, title: str) -> Locator:
    return entries(page).filter(has_text=title)


def group(page: Page, name: str) -> Locator:
    return sidebar(page).locator("section").filter(has=page.get_by_role("heading", name=name))


def menu_of(page: Page, title: str) -> Locator:
    entry(page, title).hover()
    return open_menu(page, of=f"Actions for {title}")


def is_gone(client: OpenAI, conversation_id: str) -> bool:
    try:
        client.conversations.retrieve(conversation_id)
    except NotFoundError:
        return True
    return False


@pytest.fixture
def ids(client: OpenAI) -> list[str]:
    """Two conversations: Apples and Pears."""
    return [stored_chat(client, f"What are {title}?", "Fruit.", title=title) for title in ("Apples", "Pears")]


def test_a_chat_is_renamed_where_it_stands(page: Page, client: OpenAI, ids: list[str], picture: Picture) -> None:
    page.goto(f"/c/{ids[0]}")
    menu = menu_of(page, "Apples")
    picture(page, "conversations menu of an entry")
    check_accessibility(page)
    menu.get_by_role("button", name="Rename").click()
    field = page.get_by_role("textbox", name="Title")
    expect(field).to_be_focused()
    picture(page, "conversations renaming")
    check_accessibility(page)
    page.keyboard.type("Plums")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Plums")
    expect(entry(page, "Plums")).to_be_visible()
    expect(page).to_have_title(re.compile("^Plums"))
    wait_until(lambda: client.conversations.retrieve(ids[0]).model_dump()["title"] == "Plums", "the title")


def test_a_rename_is_left_with_esc_and_the_focus_stays_in_the_list(page: Page, ids: list[str]) -> None:
    page.goto(f"/c/{ids[0]}")
    menu_of(page, "Apples").get_by_role("button", name="Rename").click()
    expect(page.get_by_role("textbox", name="Title")).to_be_focused()
    page.keyboard.type("Plums")
    page.keyboard.press("Escape")
    expect(entry(page, "Apples")).to_be_visible()
    expect(entry(page, "Apples").get_by_role("link")).to_be_focused()


def test_the_menu_of_the_chat_renames_it_with_the_list_folded(page: Page, ids: list[str], picture: Picture) -> None:
    page.goto(f"/c/{ids[0]}")
    expect(entry(page, "Apples")).to_be_visible()
    page.keyboard.press("Control+b")
    expect(sidebar(page)).to_be_hidden()
    choose(page, "Rename")
    expect(page.get_by_role("textbox", name="Title")).to_be_focused()
    picture(page, "conversations renaming in the header")
    check_accessibility(page, without=["page-has-heading-one"])
    page.keyboard.type("Plums")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Plums")
    expect(composer(page)).to_be_focused()


def test_a_deleted_chat_is_back_when_that_is_undone(
    page: Page, client: OpenAI, ids: list[str], picture: Picture
) -> None:
    page.goto(f"/c/{ids[0]}")
    menu_of(page, "Apples").get_by_role("button", name="Delete").click()
    expect(entry(page, "Apples")).to_have_count(0)
    expect(page).to_have_url(re.compile("/$"))
    picture(page, "conversations deleted")
    check_accessibility(page)
    page.get_by_role("button", name="Undo").click()
    expect(entry(page, "Apples")).to_be_visible()
    assert id_of(page) == ids[0]
    assert not is_gone(client, ids[0])


def test_a_deleted_chat_is_gone_when_the_page_is_closed_at_once(page: Page, client: OpenAI, ids: list[str]) -> None:
    page.goto("/")
    menu_of(page, "Pears").get_by_role("button", name="Delete").click()
    expect(entry(page, "Pears")).to_have_count(0)
    page.close(run_before_unload=True)
    wait_until(lambda: is_gone(client, ids[1]), "the deletion")
    assert not is_gone(client, ids[0])


def test_a_deleted_chat_is_gone_at_the_server_when_the_time_is_over(page: Page, client: OpenAI, ids: list[str]) -> None:
    page.clock.install()
    page.goto("/")
    menu_of(page, "Pears").get_by_role("button", name="Delete").click()
    expect(entry(page, "Pears")).to_have_count(0)
    page.clock.fast_forward(6000)
    wait_until(lambda: is_gone(client, ids[1]), "the deletion")
    expect(entry(page, "Apples")).to_be_visible()


def test_two_deletions_are_two_and_the_second_can_be_undone(page: Page, client: OpenAI, ids: list[str]) -> None:
    page.goto("/")
    for title in ("Apples", "Pears"):
        menu_of(page, title).get_by_role("button", name="Delete").click()
        expect(entry(page, title)).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(entry(page, "Pears")).to_be_visible()
    page.close(run_before_unload=True)
    wait_until(lambda: is_gone(client, ids[0]), "the deletion")
    assert not is_gone(client, ids[1])


def test_a_pinned_chat_stands_above_the_others(page: Page, ids: list[str], picture: Picture) -> None:
    page.goto("/")
    menu_of(page, "Apples").get_by_role("button", name="Pin").click()
    expect(group(page, "Pinned")).to_contain_text("Apples")
    expect(group(page, "Today")).not_to_contain_text("Apples")
    picture(page, "conversations pinned")
    page.reload()
    expect(group(page, "Pinned")).to_contain_text("Apples")
    menu_of(page, "Apples").get_by_role("button", name="Unpin").click()
    expect(group(page, "Today")).to_contain_text("Apples")


def test_a_chat_is_put_away_and_taken_back(page: Page, ids: list[str], picture: Picture) -> None:
    page.goto("/")
    menu_of(page, "Apples").get_by_role("button", name="Put away").click()
    expect(entry(page, "Apples")).to_have_count(0)
    expect(page.get_by_text("Put away.")).to_be_visible()
    page.get_by_role("button", name="Archive").click()
    expect(entry(page, "Apples")).to_be_visible()
    expect(entry(page, "Pears")).to_have_count(0)
    picture(page, "conversations archive")
    check_accessibility(page)
    menu_of(page, "Apples").get_by_role("button", name="Take back").click()
    expect(page.get_by_text("Nothing was put away.")).to_be_visible()
    page.get_by_role("button", name="Back to the chats").click()
    expect(entry(page, "Apples")).to_be_visible()


def test_putting_away_is_undone(page: Page, ids: list[str]) -> None:
    page.goto("/")
    menu_of(page, "Apples").get_by_role("button", name="Put away").click()
    expect(entry(page, "Apples")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(entry(page, "Apples")).to_be_visible()


def test_several_chats_answer_at_once_and_each_has_its_mark(page: Page, picture: Picture) -> None:
    chats: list[str] = []
    page.goto("/")
    for letter in "AB":
        ask(page, say(letter * 60, slowly=True))
        expect(answers(page)).to_contain_text(letter * 3)
        chats.append(id_of(page))
        page.keyboard.press("Control+Shift+O")
        expect(composer(page)).to_have_value("")
    expect(page.get_by_label("Answering…")).to_have_count(2)
    picture(page, "conversations answering")
    check_accessibility(page)
    link_to(page, chats[0]).click()
    expect(answers(page)).to_contain_text("A" * 5)
    link_to(page, chats[1]).click()
    expect(answers(page)).to_contain_text("B" * 5)
    wait_for_answers(page, 1)
    expect(answers(page)).to_contain_text("B" * 60)
    link_to(page, chats[0]).click()
    wait_for_answers(page, 1)
    expect(answers(page)).to_contain_text("A" * 60)
    expect(page.get_by_label("Answering…")).to_have_count(0)


def test_a_chat_that_the_list_does_not_show_has_the_same_menu(page: Page, client: OpenAI) -> None:
    conversation = stored_chat(client, "What are Figs?", "Fruit.", title="Figs", archived=True)
    page.goto(f"/c/{conversation}")
    expect(answers(page)).to_be_visible()
    expect(entry(page, "Figs")).to_have_count(0)
    choose(page, "Rename")
    expect(page.get_by_role("textbox", name="Title")).to_be_focused()
    page.keyboard.type("Dates")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Dates")
    choose(page, "Take back")
    expect(entry(page, "Dates")).to_be_visible()


def link_to(page: Page, conversation_id: str) -> Locator:
    return entries(page).locator(f'a[href="/c/{conversation_id}"]')


def test_many_chats_come_as_one_scrolls(page: Page, client: OpenAI, picture: Picture) -> None:
    for number in range(70):
        client.conversations.create(extra_body={"title": f"Chat {number}"})
    page.goto("/")
    expect(entries(page)).to_have_count(50)
    entries(page).last.scroll_into_view_if_needed()
    expect(entries(page)).to_have_count(70)
    picture(page, "conversations many")
    expect(page.get_by_role("button", name="Show more")).to_have_count(0)


def test_a_title_of_256_characters_takes_no_more_room_than_there_is(
    page: Page, new_page: NewPage, client: OpenAI, picture: Picture
) -> None:
    conversation = stored_chat(client, "Hello", "Hi", title="W" * 128 + " w" * 64)
    narrow = new_page(viewport={"width": 320, "height": 640})
    for shown, name in ((page, "desk"), (narrow, "narrow")):
        shown.goto(f"/c/{conversation}")
        expect(answers(shown)).to_be_visible()
        picture(shown, f"conversations long title {name}")
        assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")
        expect(shown.get_by_role("button", name="Chat menu")).to_be_in_viewport(ratio=1)
        check_accessibility(shown)
