"""What is typed and not sent: kept for each chat, over reloads; files that become text; which keys send."""

from __future__ import annotations

import re
from pathlib import Path

from openai import OpenAI
from playwright.sync_api import Page, expect

from tests.live_server import wait_until
from tests.web.accessibility import check_accessibility
from tests.web.chatting import composer, entries, questions, say, stored_chat, wait_for_answers
from tests.web.conftest import Picture

DROP = """(field) => {
    const data = new DataTransfer();
    data.items.add(new File(["a ``` b"], "my notes.md", {type: "text/markdown"}));
    field.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
}"""
PASTE = """(field) => {
    const data = new DataTransfer();
    data.items.add(new File(["x = 1\\n"], "x.py", {type: "text/x-python"}));
    field.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
}"""
COMPOSED_ENTER = """(field) => field.dispatchEvent(
    new KeyboardEvent("keydown", {key: "Enter", isComposing: true, bubbles: true, cancelable: true}))"""


def test_each_chat_keeps_its_draft(page: Page, client: OpenAI) -> None:
    stored_chat(client, "Who?", "Ada.", title="Ada")
    page.goto("/")
    composer(page).fill("for a new chat")
    entries(page).get_by_role("link").click()
    expect(composer(page)).to_have_value("")
    composer(page).fill("for Ada")
    page.reload()
    expect(composer(page)).to_have_value("for Ada")
    page.get_by_role("button", name="New chat", exact=True).click()
    expect(composer(page)).to_have_value("for a new chat")
    entries(page).get_by_role("link").click()
    expect(composer(page)).to_have_value("for Ada")


def test_a_sent_draft_is_gone_for_good(page: Page) -> None:
    page.goto("/")
    composer(page).fill(say("one"))
    composer(page).press("Enter")
    wait_for_answers(page, 1)
    page.reload()
    wait_for_answers(page, 1)
    expect(composer(page)).to_have_value("")
    page.get_by_role("button", name="New chat", exact=True).click()
    expect(composer(page)).to_have_value("")


def test_shift_and_enter_begin_a_new_line(page: Page) -> None:
    page.goto("/")
    composer(page).press_sequentially("one")
    composer(page).press("Shift+Enter")
    composer(page).press_sequentially("two")
    expect(composer(page)).to_have_value("one\ntwo")
    expect(questions(page)).to_have_count(0)


def test_with_ctrl_only_if_the_person_wants_that(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Keys").click()
    page.get_by_role("checkbox", name="Enter sends").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    composer(page).fill(say("one"))
    composer(page).press("Enter")
    expect(composer(page)).to_have_value(say("one") + "\n")
    composer(page).press("Control+Enter")
    wait_for_answers(page, 1)


def test_the_enter_of_an_input_method_sends_nothing(page: Page) -> None:
    page.goto("/")
    composer(page).fill("にほん")
    composer(page).evaluate(COMPOSED_ENTER)
    expect(composer(page)).to_have_value("にほん")
    expect(questions(page)).to_have_count(0)


def height(page: Page) -> float:
    box = composer(page).bounding_box()
    assert box is not None
    return box["height"]


def test_the_field_grows_with_its_text_until_it_scrolls(page: Page, picture: Picture) -> None:
    page.goto("/")
    empty = height(page)
    composer(page).fill("line\n" * 5)
    wait_until(lambda: height(page) > empty + 60, "room for six lines")
    composer(page).fill("line\n" * 100)
    wait_until(lambda: height(page) == 0.4 * 800, "two fifths of the window")
    expect(composer(page)).to_be_in_viewport(ratio=1)
    picture(page, "drafts long")
    composer(page).fill("")
    wait_until(lambda: height(page) == empty, "the height of one line")


def test_a_text_file_becomes_fenced_text(page: Page, picture: Picture) -> None:
    page.goto("/")
    composer(page).evaluate(DROP)
    expect(composer(page)).to_have_value("````my_notes.md\na ``` b\n````\n")
    composer(page).evaluate(PASTE)
    expect(composer(page)).to_have_value(re.compile("\n````\n\n```x.py\nx = 1\n```\n$"))
    expect(composer(page)).to_be_focused()
    picture(page, "drafts files")
    check_accessibility(page)


def test_a_file_is_added_with_the_button(page: Page, tmp_path: Path) -> None:
    page.goto("/")
    (tmp_path / "notes.txt").write_text("remember")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Add a text file").click()
    chooser.value.set_files(tmp_path / "notes.txt")
    expect(composer(page)).to_have_value("```notes.txt\nremember\n```\n")


def test_what_is_no_text_is_refused(page: Page, tmp_path: Path) -> None:
    page.goto("/")
    (tmp_path / "cat.png").write_bytes(b"\x89PNG\0\0")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Add a text file").click()
    chooser.value.set_files(tmp_path / "cat.png")
    expect(page.get_by_text("cat.png is no text file.")).to_be_visible()
    expect(composer(page)).to_have_value("")
    check_accessibility(page)
