"""How a chat is answered: its model, its instructions and numbers, how full its context is, what nobody keeps."""

from __future__ import annotations

import json
from typing import Any

from openai import OpenAI
from playwright.sync_api import Page, expect

from tests.web.accessibility import check_accessibility
from tests.web.chatting import (
    answers,
    ask,
    ask_and_wait,
    choose,
    composer,
    entries,
    id_of,
    open_menu,
    questions,
    said_in,
    say,
    stored_chat,
)
from tests.web.conftest import Picture


def conversation(client: OpenAI, conversation_id: str) -> dict[str, Any]:
    return client.conversations.retrieve(conversation_id).model_dump()


def open_settings(page: Page) -> None:
    choose(page, "Instructions and settings")
    expect(page.get_by_role("dialog")).to_be_visible()


# --- models ---------------------------------------------------------------------------------------------------------


def test_another_model_is_picked_and_remembered(page: Page, client: OpenAI, picture: Picture) -> None:
    page.goto("/")
    menu = open_menu(page, of="Model: chatml")
    expect(menu.get_by_role("button", name="chatml Ready")).to_contain_text("100,000 tokens of context")
    picture(page, "settings models")
    check_accessibility(page)
    menu.get_by_role("button", name="thinking Ready").click()
    ask_and_wait(page, say("Hello"))
    expect(answers(page)).to_have_accessible_name("Assistant, thinking")
    assert conversation(client, id_of(page))["defaults"]["model"] == "thinking"
    page.reload()
    expect(page.get_by_role("button", name="Model: thinking")).to_be_visible()
    page.get_by_role("button", name="New chat", exact=True).click()
    expect(page.get_by_role("button", name="Model: thinking")).to_be_visible()


def test_the_model_of_a_chat_changes_in_the_middle(page: Page, client: OpenAI) -> None:
    page.goto("/")
    ask_and_wait(page, say("one"))
    open_menu(page, of="Model: chatml").get_by_role("button", name="thinking Ready").click()
    ask_and_wait(page, say("two"), num_answers=2)
    expect(answers(page).first).to_have_accessible_name("Assistant, chatml")
    expect(answers(page).last).to_have_accessible_name("Assistant, thinking")
    assert conversation(client, id_of(page))["defaults"]["model"] == "thinking"


# --- instructions and numbers ---------------------------------------------------------------------------------------


def test_settings_reach_the_server_and_are_there_after_a_reload(page: Page, client: OpenAI, picture: Picture) -> None:
    page.goto(f"/c/{stored_chat(client, 'Who?', 'Ada.')}")
    open_settings(page)
    picture(page, "settings dialog")
    check_accessibility(page)
    page.get_by_role("textbox", name="Instructions").fill("Be short.")
    page.get_by_role("spinbutton", name="Temperature").fill("0.3")
    page.get_by_role("spinbutton", name="Longest answer").fill("100")
    page.get_by_role("combobox", name="Reasoning effort").select_option("low")
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_role("button", name="Save", exact=True).click()
    found = conversation(client, id_of(page))
    assert found["instructions"] == "Be short."
    wanted = {"temperature": 0.3, "max_output_tokens": 100, "reasoning": {"effort": "low"}}
    assert {name: found["defaults"][name] for name in wanted} == wanted
    page.reload()
    expect(answers(page)).to_be_visible()
    open_settings(page)
    expect(page.get_by_role("textbox", name="Instructions")).to_have_value("Be short.")
    expect(page.get_by_role("spinbutton", name="Temperature")).to_have_value("0.3")
    expect(page.get_by_role("combobox", name="Reasoning effort")).to_have_value("low")
    page.get_by_role("spinbutton", name="Temperature").fill("")
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_role("button", name="Save", exact=True).click()
    assert conversation(client, id_of(page))["defaults"].get("temperature") is None


def test_settings_of_a_new_chat_are_those_of_its_conversation(page: Page, client: OpenAI) -> None:
    page.goto("/")
    open_settings(page)
    page.get_by_role("textbox", name="Instructions").fill("Be short.")
    page.get_by_role("button", name="Save", exact=True).click()
    ask_and_wait(page, say("Hello"))
    assert conversation(client, id_of(page))["instructions"] == "Be short."


def test_settings_that_are_not_saved_change_nothing(page: Page) -> None:
    page.goto("/")
    open_settings(page)
    page.get_by_role("textbox", name="Instructions").fill("Be short.")
    page.get_by_role("button", name="Cancel").click()
    open_settings(page)
    expect(page.get_by_role("textbox", name="Instructions")).to_have_value("")


# --- length and context ---------------------------------------------------------------------------------------------


def test_an_answer_that_reached_its_length_is_gone_on_with(page: Page, client: OpenAI, picture: Picture) -> None:
    page.goto(f"/c/{stored_chat(client, 'Who?', 'Ada.', defaults={'max_output_tokens': 16})}")
    expect(answers(page)).to_be_visible()
    ask(page, say("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    expect(answers(page).last.locator(".ending")).to_contain_text("The limit of the answer's length was reached.")
    expect(answers(page).last).to_contain_text("ABCDEFGHIJKLMNOP")
    picture(page, "settings length reached")
    check_accessibility(page)
    page.get_by_role("button", name="Go on").click()
    expect(answers(page).last).to_contain_text("2/2")
    expect(answers(page).last.locator("p").first).to_contain_text("ABCDEFGHIJKLMNOP")
    assert said_in(client, id_of(page))[-1].startswith("ABCDEFGHIJKLMNOP")


def test_the_gauge_tells_how_full_the_context_is(page: Page, picture: Picture) -> None:
    page.goto("/")
    expect(page.get_by_role("meter")).to_have_count(0)
    ask_and_wait(page, say("Hello"))
    expect(page.get_by_role("meter")).to_have_accessible_name("76 of 100k tokens of the context are used")
    composer(page).fill("word " * 16_500)
    expect(page.get_by_role("meter")).to_have_accessible_name("83k of 100k tokens of the context are used")
    expect(page.get_by_role("button", name="Summarise and go on")).to_be_visible()
    picture(page, "settings context nearly full")
    check_accessibility(page)


def test_a_summary_makes_room_and_what_was_said_stays(page: Page, client: OpenAI, picture: Picture) -> None:
    page.goto(f"/c/{stored_chat(client, say('the sum of it'), 'long ' * 16_500)}")
    expect(answers(page)).to_be_visible()
    ask_and_wait(page, say("Hello"))
    page.get_by_role("button", name="Summarise and go on").click()
    expect(page.get_by_text("The chat so far was summarised.")).to_be_visible()
    expect(page.get_by_text("Until here the model reads a summary.")).to_be_visible()
    expect(page.get_by_role("button", name="Summarise and go on")).to_have_count(0)
    expect(questions(page)).to_have_count(2)
    picture(page, "settings summarised")
    check_accessibility(page)
    ask_and_wait(page, say("after"), num_answers=2)
    expect(page.get_by_role("button", name="Summarise and go on")).to_have_count(0)


# --- temporary ------------------------------------------------------------------------------------------------------


def test_nobody_keeps_a_temporary_chat(page: Page, client: OpenAI, picture: Picture) -> None:
    page.goto("/")
    page.get_by_role("button", name="Temporary chat").click()
    expect(page.get_by_text("Nobody keeps this chat")).to_be_visible()
    picture(page, "settings temporary chat")
    check_accessibility(page)
    ask_and_wait(page, say("one"))
    ask_and_wait(page, say("two"), num_answers=2)
    expect(answers(page).last).to_contain_text("two")
    picture(page, "settings temporary answers")
    expect(entries(page)).to_have_count(0)
    assert page.url.endswith("/")
    composer(page).press("ArrowUp")
    expect(page.get_by_text("Editing a question")).to_have_count(0)
    page.reload()
    expect(questions(page)).to_have_count(0)
    listed: Any = client.get("/conversations", cast_to=object)
    assert listed["data"] == []


def test_a_temporary_answer_is_stopped(page: Page, picture: Picture) -> None:
    page.goto("/")
    page.get_by_role("button", name="Temporary chat").click()
    ask(page, say("1234567890" * 20, slowly=True))
    expect(answers(page)).to_contain_text("123")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    expect(answers(page)).to_contain_text("Stopped.")
    ask(page, say("two"))
    expect(answers(page).last).to_contain_text("two")
    picture(page, "settings temporary stopped")


# --- export ---------------------------------------------------------------------------------------------------------


def test_a_chat_is_exported(page: Page, client: OpenAI) -> None:
    texts = [text for number in range(60) for text in (f"Question {number}?", f"Answer *{number}*.")]
    page.goto(f"/c/{stored_chat(client, *texts, title='Sixty: a chat')}")
    expect(answers(page).last).to_be_visible()
    with page.expect_download() as download:
        choose(page, "Export as Markdown")
    assert download.value.suggested_filename == "Sixty-a-chat.md"
    text = download.value.path().read_text()
    assert text.startswith("# Sixty: a chat\n\n## You\n\nQuestion 0?\n\n## Assistant\n\nAnswer *0*.\n")
    assert text.endswith("Answer *59*.\n")
    with page.expect_download() as download:
        choose(page, "Export as JSON")
    exported = json.loads(download.value.path().read_text())
    assert exported["conversation"]["title"] == "Sixty: a chat"
    assert [item["content"][0]["text"] for item in exported["items"]] == texts
