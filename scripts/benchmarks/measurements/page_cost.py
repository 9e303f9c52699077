"""What the chat page costs whoever looks at it: bytes, CPU for each token, and the time until something is there.

A browser looks at the page of a server whose model says a thousand tokens, a hundred a second (`instant_engine`).
Messages come in through the API, and the conversations of the long list directly into the database.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from scripts.benchmarks.instant_engine import FLOWING_TEXT
from scripts.benchmarks.measurements.page_size import package_count, page_size
from scripts.benchmarks.measurements.storage_cost import fill
from scripts.benchmarks.report import Figure, cell, figure, json_line, table
from scripts.benchmarks.servers.chromium import Cpu, Meter, chromium
from scripts.benchmarks.servers.running import CHECKOUT, Server, Setup, parley
from storage.db.database import Database

WEB = CHECKOUT / "server" / "web"
CONVERSATIONS = "/v1/conversations"
ITEMS_AT_ONCE = 20
PATIENCE_MS = 120_000.0
TYPED = "the quick brown fox jumps over the lazy dog "

NOTE_FIRST_TEXT = """
const note = () => {
    if (window.shownAt || !document.querySelector("article.answer .md, .entry")) return;
    requestAnimationFrame(() => setTimeout(() => { window.shownAt ??= performance.now(); }));
};
new MutationObserver(note).observe(document, {childList: true, subtree: true});
"""
"""When the first answer, or the first entry of the list, was drawn: milliseconds since the page was asked for."""
NOTE_KEYS = """
window.keys = [];
addEventListener("keydown", (event) => {
    const pressed = event.timeStamp;
    requestAnimationFrame(() => setTimeout(() => window.keys.push(performance.now() - pressed)));
}, true);
"""
SHOWN_AT = "() => window.shownAt ?? 0"
TO_END = "(element) => { element.scrollTop = element.scrollHeight; }"
TO_TOP = "(element) => { element.scrollTop = 0; }"


@dataclass(frozen=True)
class Plan:
    """Amounts of work."""

    num_messages: tuple[int, ...]
    """Of the chats that are opened and answered in."""
    num_conversations: int
    """In the long list."""
    num_entries: int
    """Of that list, until which it is scrolled."""
    num_tokens: int
    tokens_per_second: int
    rounds: int


# --- what is looked at ----------------------------------------------------------------------------------------------


def new_chat(page: Page, num_messages: int) -> str:
    """The id of a conversation with so many questions and answers, as long as models write them."""
    conversation = posted(page, CONVERSATIONS, {})["id"]
    messages = [message(number) for number in range(num_messages)]
    for start in range(0, num_messages, ITEMS_AT_ONCE):
        posted(page, f"{CONVERSATIONS}/{conversation}/items", {"items": messages[start : start + ITEMS_AT_ONCE]})
    return str(conversation)


def message(number: int) -> dict[str, str]:
    if number % 2:
        return {"type": "message", "role": "assistant", "content": FLOWING_TEXT * 2}
    return {"type": "message", "role": "user", "content": f"Question {number}: what is the shortest answer?"}


def posted(page: Page, path: str, body: object) -> Any:
    answer = page.request.post(path, data=json.dumps(body), headers={"Content-Type": "application/json"})
    assert answer.ok, answer.text()
    return answer.json()


@contextmanager
def window(browser: Browser, server: Server) -> Iterator[Page]:
    origin = f"http://{server.address.host}:{server.address.port}"
    context = browser.new_context(base_url=origin, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(NOTE_FIRST_TEXT)
    context.add_init_script(NOTE_KEYS)
    yield context.new_page()
    context.close()


def shown_after(page: Page, path: str | None) -> float:
    """Milliseconds from asking for the page, or for it once more, until there is text."""
    page.goto(path) if path else page.reload()
    while not (shown := float(page.evaluate(SHOWN_AT))):
        page.wait_for_timeout(5)
    return shown


def show_all(page: Page, num_messages: int) -> None:
    """Scroll up until every message is on the page, and back to the end."""
    if not num_messages:
        return
    log = page.locator("#transcript")
    while page.locator("article").count() < num_messages:
        log.evaluate(TO_TOP)
        page.wait_for_timeout(50)
    log.evaluate(TO_END)


# --- figures --------------------------------------------------------------------------------------------------------


def opening(browser: Browser, server: Server, plan: Plan, chats: dict[int, str]) -> dict[str, Figure]:
    """Milliseconds until the end of a chat can be read, in a browser that has the page already, and their CPU."""
    figures: dict[str, Figure] = {}
    with window(browser, server) as page:
        page.goto("/")
        for num_messages, chat in chats.items():
            measured = [opened(page, f"/c/{chat}") for _ in range(plan.rounds)]
            figures[f"open {num_messages:,} messages (ms)"] = figure([time for time, _ in measured])
            figures[f"open {num_messages:,} messages, CPU (ms)"] = figure([cpu.all for _, cpu in measured])
    return figures


def opened(page: Page, path: str) -> tuple[float, Cpu]:
    page.goto("/healthz")  # of the same process, whose times would begin anew in another one
    meter = Meter(page)
    before = meter.read()
    time = shown_after(page, path)
    page.wait_for_timeout(500)  # for what is done when there is nothing else to do
    return time, meter.read().since(before)


def answering(browser: Browser, server: Server, plan: Plan, chats: dict[int, str]) -> dict[str, Figure]:
    """CPU milliseconds for each 1,000 tokens of an answer, behind so many messages, all of them on the page."""
    costs: dict[int, list[Cpu]] = {}
    with window(browser, server) as page:
        page.goto("/")
        ask_and_wait(page)  # so that everything has been fetched and run once
        for num_messages, chat in chats.items():
            page.goto(f"/c/{chat}")
            show_all(page, num_messages)
            meter = Meter(page)
            for _ in range(plan.rounds):
                before = meter.read()
                ask_and_wait(page)
                costs.setdefault(num_messages, []).append(meter.read().since(before))
    share = plan.num_tokens / 1000
    figures: dict[str, Figure] = {}
    for num_messages, cpus in costs.items():
        name = f"1,000 tokens behind {num_messages:,} messages"
        figures[f"{name}, script, CPU (ms)"] = figure([cpu.script / share for cpu in cpus])
        figures[f"{name}, layout, CPU (ms)"] = figure([cpu.layout / share for cpu in cpus])
    return figures


def ask(page: Page) -> None:
    page.locator("#question").fill("What is the shortest answer?")
    page.keyboard.press("Enter")
    page.locator(".live .md").first.wait_for()


def ask_and_wait(page: Page) -> None:
    ask(page)
    page.locator(".live").wait_for(state="detached")


def interrupting(browser: Browser, server: Server, plan: Plan, chats: dict[int, str]) -> dict[str, Figure]:
    """Milliseconds from key to frame, and of a reload, while an answer is written behind the most messages."""
    num_messages, chat = max(chats.items())
    typed: list[float] = []
    reloads: list[float] = []
    with window(browser, server) as page:
        page.goto(f"/c/{chat}")
        show_all(page, num_messages)
        for _ in range(plan.rounds):
            ask(page)
            page.evaluate("() => { window.keys.length = 0; }")
            page.locator("#question").type(TYPED, delay=20)
            typed += page.evaluate("() => window.keys")
            page.locator("#question").fill("")
            page.reload()
            reloads.append(live_text_after(page))
            page.locator(".live").wait_for(state="detached")
            show_all(page, num_messages)
    return {
        f"key to frame behind {num_messages:,} messages (ms)": figure(typed),
        "reload in mid-answer, until the answer is there again (ms)": figure(reloads),
    }


def live_text_after(page: Page) -> float:
    page.locator(".live .md").first.wait_for()
    return float(page.evaluate("() => performance.now()"))


def listing(browser: Browser, server: Server, plan: Plan) -> dict[str, Figure]:
    """Milliseconds until the list of conversations is there, and the CPU of scrolling far down."""
    first: list[float] = []
    cost: list[float] = []
    with window(browser, server) as page:
        for _ in range(plan.rounds):
            first.append(shown_after(page, "/"))
            meter = Meter(page)
            before = meter.read()
            while page.locator(".entry").count() < plan.num_entries:
                page.locator(".conversations").evaluate(TO_END)
                page.wait_for_timeout(20)
            cost.append(meter.read().since(before).all)
    return {
        f"first entries of {plan.num_conversations:,} conversations (ms)": figure(first),
        f"scrolling through {plan.num_entries:,} of them, CPU (ms)": figure(cost),
    }


# --- all of it ------------------------------------------------------------------------------------------------------


def measure(setup: Setup, plan: Plan, scratch: Path) -> dict[str, Figure]:
    url = f"sqlite:///{scratch}/page.db"
    pace = [str(plan.num_tokens), str(plan.tokens_per_second)]
    engine = json.dumps([sys.executable, "-m", "scripts.benchmarks.instant_engine", *pace])
    settings = {"_PARLEY_ENGINE_COMMAND": engine, "PARLEY_DATABASE_URL": url, "PARLEY_LOG_LEVEL": "warning"}
    with parley(setup, scratch, settings) as server, chromium() as browser:
        with window(browser, server) as page:
            chats = {num_messages: new_chat(page, num_messages) for num_messages in plan.num_messages}
        figures = opening(browser, server, plan, {number: chat for number, chat in chats.items() if number})
        figures |= answering(browser, server, plan, chats)
        figures |= interrupting(browser, server, plan, chats)
        fill_list(url, plan.num_conversations)
        return figures | listing(browser, server, plan)


def fill_list(url: str, num_conversations: int) -> None:
    database = Database(url, pool_size=1)
    database.run(fill, num_conversations)
    database.close()


def run(setup: Setup, plan: Plan, scratch: Path) -> None:
    """Measure and print."""
    size, packages = page_size(WEB / "dist"), package_count(WEB / "package-lock.json")
    figures = measure(setup, plan, scratch)
    rows = [["first load, to ask (kB)", f"{size.to_ask:.1f}"], ["what follows at once (kB)", f"{size.to_read:.1f}"]]
    rows += [[f"{name}, when it is wanted (kB)", f"{size:.1f}"] for name, size in size.late.items()]
    rows += [["packages to build it", str(packages.to_build)], ["packages in all", str(packages.in_all)]]
    rows += [[name, cell(each)] for name, each in figures.items()]
    print(table(["page", "median (spread)"], rows))
    numbers = {name: each.as_json() for name, each in figures.items()}
    print(json_line("page", setup, {"size": asdict(size), "packages": asdict(packages), "figures": numbers}))
