"""Saved prompts: kept, found behind a slash, filled in, deleted; and the search over all chats."""

from __future__ import annotations

from openai import OpenAI
from playwright.sync_api import Page, expect

from tests.web.accessibility import check_accessibility
from tests.web.chatting import answers, composer, stored_chat
from tests.web.conftest import Picture


def save(page: Page, name: str, text: str) -> None:
    composer(page).fill(text)
    page.get_by_role("button", name="Save as a prompt").click()
    page.get_by_role("textbox", name="Name").fill(name)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text(f"The prompt {name} was saved.")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    composer(page).fill("")


def test_a_prompt_is_saved_and_used(page: Page, picture: Picture) -> None:
    page.goto("/")
    save(page, "greet", "Greet the world.")
    page.reload()
    composer(page).press_sequentially("/gr")
    menu = page.get_by_role("list", name="Saved prompts")
    expect(menu).to_contain_text("/greet")
    picture(page, "prompts menu")
    check_accessibility(page)
    composer(page).press("Enter")
    expect(composer(page)).to_have_value("Greet the world.")
    expect(menu).to_have_count(0)


def test_the_variables_of_a_prompt_are_asked_for(page: Page, picture: Picture) -> None:
    page.goto("/")
    save(page, "translate", "Say {{text}} in {{language}}.")
    composer(page).press_sequentially("/tr")
    composer(page).press("Tab")
    dialog = page.get_by_role("dialog", name="translate")
    dialog.get_by_role("textbox", name="text").fill("hello")
    dialog.get_by_role("textbox", name="language").fill("Latin")
    picture(page, "prompts variables")
    check_accessibility(page)
    dialog.get_by_role("button", name="Insert").click()
    expect(composer(page)).to_have_value("Say hello in Latin.")
    expect(composer(page)).to_be_focused()


def test_a_prompt_is_deleted_and_that_is_undone(page: Page) -> None:
    page.goto("/")
    save(page, "greet", "Greet the world.")
    composer(page).press_sequentially("/")
    page.get_by_role("button", name="Delete the prompt greet").click()
    expect(page.get_by_text("No saved prompt is called so.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("list", name="Saved prompts")).to_contain_text("/greet")


def test_the_menu_of_prompts_closes_with_esc(page: Page) -> None:
    page.goto("/")
    save(page, "greet", "Greet the world.")
    composer(page).press_sequentially("/g")
    expect(page.get_by_role("list", name="Saved prompts")).to_contain_text("/greet")
    composer(page).press("Escape")
    expect(page.get_by_role("list", name="Saved prompts")).to_have_count(0)
    expect(composer(page)).to_have_value("/g")


def test_saving_is_shown_with_its_dialog(page: Page, picture: Picture) -> None:
    page.goto("/")
    composer(page).fill("Greet {{whom}}.")
    page.get_by_role("button", name="Save as a prompt").click()
    expect(page.get_by_role("textbox", name="Text")).to_have_value("Greet {{whom}}.")
    picture(page, "prompts saving")
    check_accessibility(page)
    page.keyboard.press("Escape")
    expect(composer(page)).to_have_value("Greet {{whom}}.")


def test_a_chat_is_found_by_a_word_in_it(page: Page, client: OpenAI, picture: Picture) -> None:
    conversation = stored_chat(client, "What is a quokka?", "A small marsupial of Australia.", title="Animals")
    stored_chat(client, "What is basalt?", "A rock.", title="Stones")
    page.goto("/")
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_role("combobox").fill("marsupial")
    found = page.get_by_role("option")
    expect(found).to_have_count(1)
    expect(found).to_contain_text("Animals")
    expect(found.locator("mark")).to_have_text("marsupial")
    picture(page, "prompts search")
    check_accessibility(page)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"/c/{conversation}")
    expect(answers(page)).to_contain_text("A small marsupial")


def test_what_is_not_found_is_said_so(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill("xyzzy")
    expect(page.get_by_text("Nothing was found.")).to_be_visible()
    check_accessibility(page)
