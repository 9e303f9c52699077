"""What the tests of the chat page need, which not every machine has: a browser, the built page, the page's tools.

Without it those tests are skipped, as the summary says in red; with CI=true they fail. It loads neither browser nor
driver, because pytest loads it for every run.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess

import pytest

from server.chat_page import INSTALLED
from tests.live_server import CHECKOUT

CHROMIUM_VARIABLE = "PARLEY_TEST_CHROMIUM"
NEEDS_CHROMIUM = f"The chat page is tested in chromium (apt-get install chromium, or {CHROMIUM_VARIABLE}=/path/to/it)"
NEEDS_PAGE = "The chat page is tested as it was built, by scripts/web build"
NEEDS_TOOLS = "The chat page is checked with packages from the npm registry (scripts/web packages)"
ALL = (NEEDS_CHROMIUM, NEEDS_PAGE, NEEDS_TOOLS)

UNAVAILABLE = 69
"""How scripts/web says that packages cannot be had."""

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def need(is_there: object, what: str) -> None:
    """Skip the test, or let it fail in CI, if what it needs is not there."""
    if is_there:
        return
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(what)
    pytest.skip(what)


def chromium() -> str:
    """The program."""
    found = os.environ.get(CHROMIUM_VARIABLE) or next(filter(None, map(shutil.which, _PROGRAMS)), None)
    need(found, NEEDS_CHROMIUM)
    return str(found)


def built_page() -> None:
    need(INSTALLED.is_built, NEEDS_PAGE)


def tools() -> None:
    """Packages that the page is checked with; they are installed if they can be had."""
    command = [str(CHECKOUT / "scripts" / "web"), "packages"]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    need(outcome.returncode != UNAVAILABLE, NEEDS_TOOLS)
    assert outcome.returncode == 0, outcome.stderr


@functools.cache
def axe() -> str:
    """The program that looks for what keeps people out, in JavaScript."""
    tools()
    return (CHECKOUT / "server/web/node_modules/axe-core/axe.min.js").read_text()
