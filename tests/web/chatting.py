"""What people do in the page, in short words, for tests of what goes wrong then. It knows no servers."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def slowly(text: str) -> str:
    """A question that is answered with `text`, about fifty characters a second."""
    return f"Say slowly «{text}»"


def letters(amount: int) -> str:
    """A text in which every place can be told from the others, so that nothing can be missing or there twice."""
    return " ".join(f"{LETTERS[number % 26]}{number}" for number in range(amount))


def composer(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Your question")


def ask(page: Page, text: str) -> None:
    composer(page).fill(text)
    page.get_by_role("button", name="Send", exact=True).click()


def questions(page: Page) -> Locator:
    return page.get_by_role("article", name="You")


def answers(page: Page) -> Locator:
    return page.get_by_role("article", name="Assistant")


def text_of(answer: Locator) -> Locator:
    """What was said, without what is said of it."""
    return answer.locator(".md")


def expect_one_turn(page: Page, question: str, answer: str) -> None:
    """That this was asked and answered in the chat, once."""
    expect(questions(page)).to_have_count(1)
    expect(questions(page)).to_contain_text(question)
    expect(answers(page)).to_have_count(1)
    expect(text_of(answers(page))).to_have_text(answer)


def trouble_of(page: Page) -> Locator:
    """Where the chat says why there is no answer."""
    return page.get_by_role("log").get_by_role("alert")


def banner(page: Page, text: str) -> Locator:
    """What the page says above the chat about the server."""
    return page.get_by_role("status").filter(has_text=text)
