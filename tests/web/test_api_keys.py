"""The chat page in front of a server that wants keys: none yet, a wrong one, one that is revoked; and of one that does
not."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

from tests.live_server import LiveServer, parley, wait_until
from tests.processes import SayingServer
from tests.web import needs
from tests.web.accessibility import check_accessibility
from tests.web.chatting import answers, ask, banner, composer, expect_one_turn, letters, questions, slowly, text_of
from tests.web.conftest import NewPage, Picture
from tests.web.trouble import Trouble

WRONG = "The server does not take this key."


@pytest.fixture(scope="module")
def key_server() -> Iterator[LiveServer]:
    needs.built_page()
    with SayingServer("chatml", auth="keys", ping_seconds=0.2) as server:
        parley(server, "users", "add", "ada")
        yield server


@pytest.fixture
def key(key_server: LiveServer) -> dict[str, str]:
    """With its `id` and its `secret`."""
    return new_key(key_server)


@pytest.fixture(autouse=True)
def _refusals_are_meant(trouble: Trouble) -> None:
    trouble.allow("status of 401|net::ERR_FAILED")


def new_key(server: LiveServer) -> dict[str, str]:
    made: dict[str, str] = json.loads(parley(server, "keys", "create", "ada", "--json").stdout)
    return made


def revoke(server: LiveServer, key: dict[str, str]) -> None:
    """Returns when it counts: what the database says of a key is believed for a few seconds."""
    parley(server, "keys", "revoke", key["id"])
    headers = {"Authorization": f"Bearer {key['secret']}"}
    wait_until(lambda: server.request("GET", "/v1/models", headers=headers)[0] == 401, "the revocation")


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog", name="A key, please")


def enter(page: Page, key: str, remember: bool = False) -> None:
    dialog(page).get_by_label("API key").fill(key)
    dialog(page).get_by_label("Remember it on this device").set_checked(remember)
    page.keyboard.press("Enter")


def post_only(route: Route) -> None:
    """Keeps the page from noticing a revoked key before somebody asks."""
    if route.request.method == "GET":
        route.abort()
    else:
        route.continue_()


def test_a_key_is_asked_for_and_taken(
    new_page: NewPage, key_server: LiveServer, key: dict[str, str], picture: Picture
) -> None:
    page = new_page(server=key_server)
    page.goto("/")
    expect(dialog(page)).to_contain_text("This server wants an API key.")
    expect(dialog(page).get_by_label("API key")).to_be_focused()
    picture(page, "key wanted")
    check_accessibility(page)
    enter(page, key["secret"])
    expect(dialog(page)).to_have_count(0)
    ask(page, "Say «Hello»")
    expect_one_turn(page, "Say «Hello»", "Hello")
    page.reload()
    expect(text_of(answers(page))).to_have_text("Hello")
    tab = page.context.new_page()
    tab.goto("/")
    expect(dialog(tab)).to_be_visible()  # it was not to be remembered


def test_a_remembered_key_is_there_in_the_next_tab_until_it_is_forgotten(
    new_page: NewPage, key_server: LiveServer, key: dict[str, str]
) -> None:
    page = new_page(server=key_server)
    page.goto("/")
    enter(page, key["secret"], remember=True)
    expect(dialog(page)).to_have_count(0)
    tab = page.context.new_page()
    tab.goto("/")
    ask(tab, "Say «Hello»")
    expect_one_turn(tab, "Say «Hello»", "Hello")
    tab.get_by_role("button", name="Forget the key").click()
    expect(dialog(tab)).to_contain_text("This server wants an API key.")
    tab.reload()
    expect(dialog(tab)).to_be_visible()


def test_a_wrong_key_is_called_wrong_until_it_is_right(
    new_page: NewPage, key_server: LiveServer, key: dict[str, str], picture: Picture
) -> None:
    page = new_page(server=key_server)
    page.goto("/")
    enter(page, "sk-parley-wrong")
    expect(dialog(page)).to_contain_text(WRONG)
    picture(page, "key wrong")
    check_accessibility(page)
    enter(page, key["secret"])
    expect(dialog(page)).to_have_count(0)
    ask(page, "Say «Hello»")
    expect_one_turn(page, "Say «Hello»", "Hello")


def test_who_has_no_key_at_hand_can_close_the_dialog_and_open_it_again(
    new_page: NewPage, key_server: LiveServer, picture: Picture
) -> None:
    page = new_page(server=key_server)
    page.goto("/")
    expect(dialog(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog(page)).to_have_count(0)
    picture(page, "key put off")
    check_accessibility(page)
    banner(page, "This server wants an API key.").get_by_role("button", name="Enter a key").click()
    expect(dialog(page)).to_be_visible()


def test_a_key_that_is_revoked_costs_no_question_and_no_answer(
    new_page: NewPage, key_server: LiveServer, key: dict[str, str], picture: Picture
) -> None:
    page = new_page(server=key_server)
    page.goto("/")
    enter(page, key["secret"])
    ask(page, slowly(letters(500)))
    expect(answers(page)).to_contain_text("b1")
    revoke(key_server, key)
    expect(dialog(page)).to_contain_text(WRONG)
    picture(page, "key revoked")
    check_accessibility(page)
    enter(page, new_key(key_server)["secret"])
    expect(dialog(page)).to_have_count(0)
    expect(answers(page)).to_contain_text("a0 b1")
    expect(questions(page)).to_have_count(1)
    expect(page.get_by_role("button", name="Stop").or_(page.get_by_role("button", name="Try again"))).to_be_visible()


def test_a_question_asked_with_a_revoked_key_is_in_the_composer(
    new_page: NewPage, key_server: LiveServer, key: dict[str, str]
) -> None:
    page = new_page(server=key_server)
    page.goto("/")
    enter(page, key["secret"])
    ask(page, "Say «Hello»")
    expect(text_of(answers(page))).to_have_text("Hello")
    page.route("**/v1/**", post_only)
    revoke(key_server, key)
    composer(page).fill("Say «And now?»")
    page.keyboard.press("Enter")
    expect(dialog(page)).to_contain_text(WRONG)
    page.unroute_all()
    enter(page, new_key(key_server)["secret"])
    expect(dialog(page)).to_have_count(0)
    expect(composer(page)).to_have_value("Say «And now?»")
    expect(page.get_by_role("log").get_by_role("alert")).to_have_count(0)
    composer(page).press("Enter")
    expect(text_of(answers(page).last)).to_have_text("And now?")


def test_a_server_that_asks_nobody_is_sent_no_key(page: Page) -> None:
    keys: list[str | None] = []

    def note(request: Request) -> None:
        keys.append(request.headers.get("authorization"))

    page.on("request", note)
    page.goto("/")
    ask(page, "Say «Hello»")
    expect_one_turn(page, "Say «Hello»", "Hello")
    expect(dialog(page)).to_have_count(0)
    assert set(keys) == {None}
