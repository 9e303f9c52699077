"""Models as the page shows them: loaded and unloaded by a person, on the device that they pick."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.live_server import LiveServer
from tests.web import needs
from tests.web.accessibility import check_accessibility
from tests.web.chatting import answers, ask, open_menu, wait_for_answers
from tests.web.conftest import NewPage, Picture

MODEL = "SmolLM2-135M-Instruct"


@pytest.fixture(scope="module")
def demo_server() -> Iterator[LiveServer]:
    needs.built_page()
    with LiveServer(n_ctx=1024, slots=1, default_max_tokens=8) as server:
        yield server


def models_of(page: Page) -> Locator:
    """The open list of models."""
    return open_menu(page, of=f"Model: {MODEL}. Choose another")


def test_a_model_is_unloaded_and_loaded_on_the_device_that_was_picked(
    new_page: NewPage, demo_server: LiveServer, picture: Picture
) -> None:
    page = new_page(server=demo_server)
    page.goto("/")
    menu = models_of(page)
    expect(menu).to_contain_text("Ready · 1,024 tokens of context · cpu")
    menu.get_by_role("button", name=f"Unload {MODEL}").click()
    expect(menu).to_contain_text("Not loaded")
    picture(page, "models unloaded")
    check_accessibility(page)
    menu.get_by_label("Device").select_option("cpu")
    menu.get_by_role("button", name=f"Load {MODEL}").click()
    expect(menu).to_contain_text("Ready")
    page.keyboard.press("Escape")
    ask(page, "Hello?")
    wait_for_answers(page, 1)
    expect(answers(page)).to_contain_text(MODEL)


def test_a_question_loads_its_model(new_page: NewPage, demo_server: LiveServer) -> None:
    page = new_page(server=demo_server)
    page.goto("/")
    menu = models_of(page)
    menu.get_by_role("button", name=f"Unload {MODEL}").click()
    expect(menu).to_contain_text("Not loaded")
    page.keyboard.press("Escape")
    ask(page, "Hello?")
    wait_for_answers(page, 1)
    expect(models_of(page)).to_contain_text("Ready")
