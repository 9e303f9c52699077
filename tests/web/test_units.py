"""The page's own tests, which vitest runs: a part of the whole run, so that `scripts/test` is everything there is."""

from __future__ import annotations

import subprocess

from tests.live_server import CHECKOUT
from tests.web import needs


def test_the_units_of_the_page_do_what_they_should() -> None:
    needs.tools()
    command = [str(CHECKOUT / "scripts" / "web"), "test"]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
