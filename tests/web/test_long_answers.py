"""The chat page where there is much: an answer of a megabyte, and more than the model's context holds."""

from __future__ import annotations

from openai import OpenAI
from playwright.sync_api import Page, expect

from tests.web.accessibility import check_accessibility
from tests.web.chatting import answers, ask, composer, expect_one_turn, questions, slowly, text_of, trouble_of
from tests.web.conftest import Picture
from tests.web.trouble import Trouble

PARAGRAPH = "All work and no play makes a *dull* text. " * 20
N_CTX = 100_000
"""Of the models, for which a character is a token."""

TO_THE_TOP = """(element) => {
    element.dispatchEvent(new WheelEvent("wheel", {deltaY: -100}));
    element.scrollTop = 0;
}"""


def said(role: str, text: str) -> dict[str, str]:
    return {"type": "message", "role": role, "content": text}


def test_an_answer_of_a_megabyte_can_be_read_and_gone_on_from(page: Page, client: OpenAI, picture: Picture) -> None:
    text = "\n\n".join([PARAGRAPH] * (1_000_000 // len(PARAGRAPH)) + ["The end."])
    items = [said("user", "Everything, please."), said("assistant", text)]
    conversation = client.conversations.create(items=items)  # type: ignore[arg-type]
    page.goto(f"/c/{conversation.id}")
    expect(text_of(answers(page)).get_by_text("The end.")).to_be_in_viewport()
    picture(page, "a megabyte of answer")
    composer(page).fill("Still there?")
    expect(composer(page)).to_have_value("Still there?")
    page.get_by_role("button", name="New chat", exact=True).click()
    ask(page, "Say «Yes»")
    expect_one_turn(page, "Say «Yes»", "Yes")


def test_what_does_not_fit_into_the_context_is_summarised_on_demand(
    page: Page, client: OpenAI, picture: Picture, trouble: Trouble
) -> None:
    trouble.allow("status of 400")
    items = [said("user", "Say «It was about letters.»"), said("assistant", "It was about letters.")]
    conversation = client.conversations.create(items=items)  # type: ignore[arg-type]
    page.goto(f"/c/{conversation.id}")
    expect(questions(page)).to_have_count(1)
    question = "numbers " * (N_CTX // 8)
    composer(page).fill(question)
    page.get_by_role("button", name="Send", exact=True).click()
    summarise = trouble_of(page).get_by_role("button", name="Summarise and go on")
    expect(summarise).to_be_visible()
    expect(composer(page)).to_have_value(question.strip())
    picture(page, "context too long")
    check_accessibility(page)
    summarise.click()
    expect(page.get_by_text("The chat so far was summarised.").first).to_be_visible()
    expect(trouble_of(page)).to_have_count(0)
    picture(page, "summarised")
    ask(page, "Say «Go on»")
    expect(text_of(answers(page).last)).to_have_text("Go on")


def test_a_long_answer_is_followed_unless_the_reader_is_elsewhere(page: Page) -> None:
    page.goto("/")
    ask(page, slowly("\n\n".join(f"Line {number}." for number in range(60))))
    expect(answers(page).get_by_text("Line 25.")).to_be_in_viewport()
    page.get_by_role("log").hover()
    page.mouse.wheel(0, -300)
    expect(answers(page).get_by_text("Line 40.")).to_be_attached()
    expect(answers(page).get_by_text("Line 40.")).not_to_be_in_viewport()
    page.get_by_role("button", name="Latest").click()
    expect(answers(page).get_by_text("Line 59.")).to_be_in_viewport()


def test_older_messages_come_above_without_moving_what_is_read(page: Page, client: OpenAI) -> None:
    conversation = client.conversations.create()
    for start in range(0, 240, 20):
        items = [said("user", f"Number {number}.") for number in range(start, start + 20)]
        client.conversations.items.create(conversation.id, items=items)  # type: ignore[arg-type]
    page.goto(f"/c/{conversation.id}")
    expect(questions(page).get_by_text("Number 239.")).to_be_in_viewport()
    log = page.locator("#transcript")
    log.hover()
    while page.get_by_role("button", name="Show older messages").count():
        before = questions(page).count()
        first = questions(page).first
        number = first.locator(".question-text").text_content() or ""
        log.evaluate(TO_THE_TOP)
        page.wait_for_timeout(50)
        if questions(page).count() > before:
            expect(questions(page).get_by_text(number, exact=True)).to_be_in_viewport()
    expect(questions(page)).to_have_count(240)
