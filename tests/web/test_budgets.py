"""What the chat page may cost: its size, its packages, and what a token of an answer takes behind many messages.

Times are those of the page's own processor time, in ratios, so that a busy machine changes nothing.
"""

from __future__ import annotations

import pytest
from openai import OpenAI
from playwright.sync_api import Page, expect

from scripts.benchmarks.measurements.page_size import package_count, page_size
from scripts.benchmarks.servers.chromium import Meter
from tests.live_server import CHECKOUT
from tests.web import needs
from tests.web.chatting import answers, ask, letters, slowly, stored_chat, text_of

WEB = CHECKOUT / "server" / "web"
TO_ASK_KB, TO_READ_KB = 45, 30
LATE_KB = {"highlight": 36, "tex": 61}
OTHERS_KB = 5
TO_BUILD, IN_ALL = 33, 145
NUM_MESSAGES = 500
TEXT = "A **paragraph** of `some` words.\n\n- one\n- two\n\n```python\nprint('three')\n```\n"
NUM_DRAWN = """() => new Promise((done) => {
    window.drawn = new Set();
    new MutationObserver((changes) => changes.forEach(({target}) => {
        const article = target.parentElement?.closest("article") ?? (target.closest && target.closest("article"));
        if (article) window.drawn.add(article);
    })).observe(document.querySelector("#transcript"), {subtree: true, childList: true, characterData: true});
    done();
})"""


@pytest.fixture(autouse=True)
def _the_page_is_built() -> None:
    needs.built_page()


def test_what_is_fetched_before_somebody_can_ask_is_small() -> None:
    assert page_size(WEB / "dist").to_ask <= TO_ASK_KB


def test_what_follows_at_once_and_what_comes_late_are_small() -> None:
    size = page_size(WEB / "dist")
    assert size.to_read <= TO_READ_KB
    assert {name: kb for name, kb in size.late.items() if kb > LATE_KB.get(name, OTHERS_KB)} == {}


def test_few_packages_make_the_page() -> None:
    packages = package_count(WEB / "package-lock.json")
    assert packages.to_build <= TO_BUILD
    assert packages.in_all <= IN_ALL


def show_all(page: Page, chat: str) -> None:
    page.goto(f"/c/{chat}")
    expect(answers(page)).not_to_have_count(0)
    while page.get_by_role("button", name="Show older messages").count():
        page.locator("#transcript").evaluate("(element) => { element.scrollTop = 0; }")
        page.wait_for_timeout(20)
    expect(page.locator("article")).to_have_count(NUM_MESSAGES)
    page.locator("#transcript").evaluate("(element) => { element.scrollTop = element.scrollHeight; }")


def work_of_an_answer(page: Page) -> float:
    """Milliseconds of script and layout, for one that comes at the same pace wherever it is asked for."""
    meter = Meter(page)
    before = meter.read()
    ask(page, slowly(letters(80)))
    expect(text_of(answers(page).last)).to_have_text(letters(80))
    return meter.read().since(before).work


def test_a_token_costs_the_same_behind_many_messages(page: Page, client: OpenAI) -> None:
    chat = stored_chat(client, *[TEXT] * NUM_MESSAGES)
    page.goto("/")
    work_of_an_answer(page)  # which fetches and runs everything once
    alone = work_of_an_answer(page)
    show_all(page, chat)
    behind_many = work_of_an_answer(page)
    assert behind_many < 4 * alone


def test_no_message_but_the_growing_one_is_drawn_again(page: Page, client: OpenAI) -> None:
    show_all(page, stored_chat(client, *["Without code: that is coloured as soon as there is time."] * NUM_MESSAGES))
    page.evaluate(NUM_DRAWN)
    ask(page, slowly(letters(30)))
    expect(text_of(answers(page).last)).to_have_text(letters(30))
    assert page.evaluate("() => window.drawn.size") <= 4  # of the question and the answer, growing and done
