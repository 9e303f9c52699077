"""What the tests of the chat page need, which not every machine has: a browser, the built page, the page's tools.

Without it those tests are skipped, as the summary says in red; with CI=true they fail. It loads neither browser nor
driver, because pytest loads it for every run.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from server.chat_page import INSTALLED
from tests.live_server import CHECKOUT

CHROMIUM_VARIABLE = "PARLEY_TEST_CHROMIUM"
NEEDS_CHROMIUM = f"The chat page is tested in chromium (apt-get install chromium, or {CHROMIUM_VARIABLE}=/path/to/it)"
NEEDS_PAGE = "The chat page is tested as it was built, by scripts/web build"
NEEDS_TOOLS = "The chat page is checked with packages from the npm registry, which scripts/web check installs"
ALL = (NEEDS_CHROMIUM, NEEDS_PAGE, NEEDS_TOOLS)

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


def axe() -> str:
    """The program that looks for what keeps people out, in JavaScript."""
    path = Path(CHECKOUT / "server/web/node_modules/axe-core/axe.min.js")
    need(path.is_file(), NEEDS_TOOLS)
    return path.read_text()
