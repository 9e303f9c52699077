"""The browser in which the chat page is measured: Debian's chromium, without a screen.

CPU times are those of the page's main thread, which a busy machine does not change; it knows nothing of the page.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

PROGRAM_VARIABLE = "PARLEY_TEST_CHROMIUM"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
MILLISECONDS = 1e3


class NoBrowser(RuntimeError):
    """There is no chromium on this machine."""

    def __init__(self) -> None:
        super().__init__(f"The page is measured in chromium (apt-get install chromium, or {PROGRAM_VARIABLE}=/path).")


@dataclass(frozen=True)
class Cpu:
    """Milliseconds of the main thread."""

    script: float
    layout: float
    """With the computation of styles."""
    all: float

    @property
    def work(self) -> float:
        return self.script + self.layout

    def since(self, before: Cpu) -> Cpu:
        return Cpu(self.script - before.script, self.layout - before.layout, self.all - before.all)


class Meter:
    """Reads what a page's main thread has done so far."""

    def __init__(self, page: Page) -> None:
        self._session: CDPSession = page.context.new_cdp_session(page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def read(self) -> Cpu:
        metrics = {each["name"]: each["value"] for each in self._session.send("Performance.getMetrics")["metrics"]}
        script, layout, styles, task = (
            metrics[f"{name}Duration"] * MILLISECONDS for name in ("Script", "Layout", "RecalcStyle", "Task")
        )
        return Cpu(script, layout + styles, task)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Raises NoBrowser."""
    program = os.environ.get(PROGRAM_VARIABLE) or next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise NoBrowser
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()
