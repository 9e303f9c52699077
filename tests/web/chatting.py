"""What a person sees and does on the chat page, in the words of the tests: where it is, and how one asks."""

from __future__ import annotations

import re
from typing import Any

from openai import OpenAI
from playwright.sync_api import Locator, Page, expect

ANSWER = re.compile("^Assistant")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def composer(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Your question")


def questions(page: Page) -> Locator:
    return page.get_by_role("article", name="You", exact=True)


def answers(page: Page) -> Locator:
    return page.get_by_role("article", name=ANSWER)


def sidebar(page: Page) -> Locator:
    return page.get_by_role("navigation", name="Conversations")


def entries(page: Page) -> Locator:
    """The conversations of the list."""
    return sidebar(page).get_by_role("listitem")


def say(text: str, slowly: bool = False) -> str:
    """A question that is answered with `text`; slowly it is about fifty characters a second."""
    return f"Say {'slowly ' * slowly}«{text}»"


def slowly(text: str) -> str:
    return say(text, slowly=True)


def letters(amount: int) -> str:
    """A text in which every place can be told from the others, so that nothing can be missing or there twice."""
    return " ".join(f"{LETTERS[number % 26]}{number}" for number in range(amount))


def ask(page: Page, question: str) -> None:
    composer(page).fill(question)
    composer(page).press("Enter")


def ask_and_wait(page: Page, question: str, num_answers: int = 1) -> None:
    """Until the answer is there to its end."""
    ask(page, question)
    wait_for_answers(page, num_answers)


def wait_for_answers(page: Page, number: int) -> None:
    """Until there are so many, each with how it was made, and no other is on its way."""
    expect(page.locator(".stats")).to_have_count(number)
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)


def open_menu(page: Page, of: str = "Chat menu") -> Locator:
    """The menu of the chat, or the one behind the button of that name."""
    page.get_by_role("button", name=of).click()
    menu = page.locator(".menu:popover-open")
    expect(menu).to_be_visible()
    return menu


def choose(page: Page, action: str, of: str = "Chat menu") -> None:
    open_menu(page, of).get_by_role("button", name=action).click()


def stored_chat(client: OpenAI, *texts: str, **settings: Any) -> str:
    """The id of a conversation in which questions and answers, by turns, are `texts`."""
    body = {"items": [_message(index, text) for index, text in enumerate(texts[:20])]}
    conversation = client.conversations.create(extra_body=body | settings)
    for start in range(20, len(texts), 20):
        items: Any = [_message(start + index, text) for index, text in enumerate(texts[start : start + 20])]
        client.conversations.items.create(conversation.id, items=items)
    return conversation.id


def _message(index: int, text: str) -> dict[str, Any]:
    if index % 2 == 0:
        return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}


def said_in(client: OpenAI, conversation_id: str) -> list[str]:
    """The texts of a conversation's messages as the server has them, oldest first."""
    items: Any = client.conversations.items.list(conversation_id, order="asc", limit=100)
    return [item.content[0].text for item in items if item.type == "message"]


def id_of(page: Page) -> str:
    """The conversation that the address names."""
    expect(page).to_have_url(re.compile(r"/c/conv_\w+"))
    return re.search(r"/c/(conv_\w+)", page.url).group(1)  # type: ignore[union-attr]


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
