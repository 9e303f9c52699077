"""The chat page while there is no model that answers: on its way, failed, or with a queue before it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.live_server import LiveServer
from tests.processes import LISTEN, READY, FakeServer, SayingServer
from tests.web import needs
from tests.web.accessibility import check_accessibility
from tests.web.chatting import answers, ask, banner, composer, expect_one_turn, letters, slowly, text_of
from tests.web.conftest import NewPage, Picture
from tests.web.trouble import Trouble

HALF = {"report": {"state": "loading", "progress": 0.5}}
QUARTER = {"report": {"state": "loading", "progress": 0.25}}
FAILED = {"report": {"state": "failed", "message": "the file is damaged at byte 17"}}


class ScriptedServer(FakeServer):
    """The real application in front of an engine that does what a script says."""

    def __init__(self, *steps: dict[str, Any]) -> None:
        super().__init__(*steps, auth="header")
        self._command = [part for part in self._command if part != "tests.tiny_app:app"]


class SlowlyLoadingServer(SayingServer):
    """Its model is there when the file `there` is."""

    def __init__(self) -> None:
        super().__init__("chatml", auth="header", ping_seconds=0.2)
        self._waits = False
        self.there = Path(self.data_dir.name) / "there"
        engine = ["sh", "-c", f"until [ -e '{self.there}' ]; do sleep 0.05; done; exec \"$0\" -m tests.saying_engine"]
        variable = next(index for index, part in enumerate(self._command) if part.startswith("_PARLEY_ENGINE_COMMAND="))
        self._command[variable] = f"_PARLEY_ENGINE_COMMAND={json.dumps([*engine, _python(self._command[variable])])}"


def _python(variable: str) -> str:
    return str(json.loads(variable.partition("=")[2])[0])


@pytest.fixture(autouse=True)
def _refusals_are_meant(trouble: Trouble) -> None:
    trouble.allow("status of 503|net::ERR_")  # a page may outlive its server


@pytest.fixture
def loading_server() -> Iterator[SlowlyLoadingServer]:
    needs.built_page()
    server = SlowlyLoadingServer()
    with server:
        yield server


def scripted(*steps: dict[str, Any]) -> LiveServer:
    needs.built_page()
    server = ScriptedServer(*steps)
    server._waits = False
    return server


def test_a_question_waits_for_its_model_and_is_sent_by_itself(
    new_page: NewPage, loading_server: SlowlyLoadingServer, picture: Picture
) -> None:
    page = new_page(server=loading_server)
    page.goto("/")
    expect(banner(page, "chatml: loading.")).to_be_visible()
    page.get_by_role("button", name="Model: chatml").click()
    expect(page.get_by_role("button", name="chatml Loading")).to_be_visible()
    page.keyboard.press("Escape")
    composer(page).fill("Say «Hello»")
    page.get_by_role("button", name="Send when it is ready").click()
    expect(page.get_by_text("Waiting for the model…")).to_be_visible()
    picture(page, "question waits for the model")
    check_accessibility(page)
    loading_server.there.touch()
    expect_one_turn(page, "Say «Hello»", "Hello")
    expect(banner(page, "chatml")).to_have_count(0)


def test_a_question_that_waits_survives_a_reload_and_can_be_taken_back(
    new_page: NewPage, loading_server: SlowlyLoadingServer
) -> None:
    page = new_page(server=loading_server)
    page.goto("/")
    composer(page).fill("Say «Hello»")
    page.get_by_role("button", name="Send when it is ready").click()
    expect(page.get_by_text("Waiting for the model…")).to_be_visible()
    page.reload()
    expect(composer(page)).to_have_value("Say «Hello»")
    page.get_by_role("button", name="Send when it is ready").click()
    page.get_by_role("button", name="Stop").click()
    expect(composer(page)).to_have_value("Say «Hello»")
    loading_server.there.touch()
    page.get_by_role("button", name="Send", exact=True).click()
    expect_one_turn(page, "Say «Hello»", "Hello")


def test_how_far_a_model_has_been_loaded_is_shown(new_page: NewPage, picture: Picture) -> None:
    with scripted(QUARTER, {"sleep": 1}, HALF) as server:
        page = new_page(server=server)
        page.goto("/")
        expect(page.get_by_role("progressbar").first).to_have_attribute("value", "0.5")
        picture(page, "model loading")
        check_accessibility(page)
        page.close()


def test_a_model_that_failed_says_why_and_is_tried_again(new_page: NewPage, picture: Picture, tmp_path: Path) -> None:
    failures = [{"once": str(tmp_path / str(number)), "steps": [FAILED, {"exit": 1}]} for number in range(4)]
    with scripted(*failures, LISTEN, READY) as server:
        page = new_page(server=server)
        page.goto("/")
        expect(banner(page, "could not be loaded: ")).to_contain_text("the file is damaged at byte 17")
        expect(banner(page, "The server tries it again by itself.")).to_be_visible()
        picture(page, "model failed")
        check_accessibility(page)
        expect(banner(page, "could not be loaded")).to_have_count(0)
        page.close()


def test_who_is_behind_others_is_told_that_it_is_waiting(new_page: NewPage, picture: Picture) -> None:
    needs.built_page()
    with SayingServer("chatml", auth="header", slots=1, ping_seconds=0.2) as server:
        first, second = new_page(server=server), new_page(server=server)
        for page in (first, second):
            page.goto("/")
        ask(first, slowly(letters(60)))
        expect(answers(first)).to_contain_text("a0")
        ask(second, "Say «Hello»")
        waiting = second.get_by_text("Waiting for its turn…").or_(second.get_by_text("Reading…"))
        expect(waiting).to_be_visible()
        picture(second, "waiting for its turn")
        check_accessibility(second)
        expect_one_turn(second, "Say «Hello»", "Hello")
        expect(text_of(answers(first))).to_have_text(letters(60))


def test_an_engine_that_is_lost_for_a_while_keeps_nobody_from_asking(new_page: NewPage) -> None:
    needs.built_page()
    with SayingServer("chatml", auth="header", ping_seconds=0.2) as server:
        page = new_page(server=server)
        page.goto("/")
        ask(page, "Say «Hello»")
        expect(text_of(answers(page))).to_have_text("Hello")
        for process in server.members("tests.saying_engine"):
            process.kill()
        composer(page).fill("Say «And now?»")
        composer(page).press("Enter")
        again = page.get_by_role("log").get_by_role("button", name="Try again")
        expect(again.or_(text_of(answers(page)).filter(has_text="And now?"))).to_be_visible()
        if again.is_visible():
            again.click()
        expect(text_of(answers(page).last)).to_have_text("And now?")
