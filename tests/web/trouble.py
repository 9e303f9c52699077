"""What goes wrong in a browser while a test does something else: errors, refusals, requests to strangers.

It knows nothing of the page. A test says what it means to happen; everything else is held against it.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page, Request, WebError

from tests.live_server import PATIENCE_SECONDS

REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
    console.error(`CSP: ${event.effectiveDirective} refuses ${event.blockedURI} ${event.sample}`));
"""

OF_NO_HOST = ("about", "blob", "data")


class Trouble:
    """The troubles of all pages of a test, in the order in which they came."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._allowed: list[re.Pattern[str]] = []

    def allow(self, pattern: str) -> None:
        """Troubles that `pattern` is found in belong to the test, those that have come already too.

        Chromium itself logs an error for every answer from 400 on: `allow("status of 401")`.
        """
        self._allowed.append(re.compile(pattern))

    def expect(self, page: Page, pattern: str) -> None:
        """Wait until there is trouble that `pattern` is found in, and allow it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not any(re.search(pattern, line) for line in self.seen):
            assert time.monotonic() < deadline, f"waited in vain for {pattern!r}: {self.seen}"
            page.wait_for_timeout(20)  # unlike time.sleep, it takes in what the browser says
        self.allow(pattern)

    def watch(self, context: BrowserContext, origin: str) -> None:
        """Every page of the context, those that it opens later too; all it asks must be asked of `origin`."""
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("console", self._on_console)
        context.on("weberror", self._on_error)
        context.on("request", lambda request: self._on_request(request, origin))
        context.on("page", lambda page: page.on("crash", self._on_crash))

    @staticmethod
    def flush(context: BrowserContext) -> None:
        """Take in what the pages have met until now."""
        for page in context.pages:
            with suppress(Error):  # it may have crashed
                page.evaluate("() => new Promise((done) => setTimeout(done))")

    @property
    def unexpected(self) -> list[str]:
        return [line for line in self.seen if not any(pattern.search(line) for pattern in self._allowed)]

    def check(self) -> None:
        """Fail if there has been any trouble that no one has allowed."""
        assert self.unexpected == [], "there was trouble in the browser:\n" + "\n".join(self.unexpected)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "assert"):
            self.seen.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _on_error(self, error: WebError) -> None:
        self.seen.append(f"uncaught: {error.error.message}\n{error.error.stack or ''}")

    def _on_request(self, request: Request, origin: str) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in OF_NO_HOST and f"{parts.scheme}://{parts.netloc}" != origin:
            self.seen.append(f"foreign: {request.method} {request.url}")

    def _on_crash(self, page: Page) -> None:
        self.seen.append(f"crashed: {page.url}")
