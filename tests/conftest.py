"""What all tests have: a database if they want one, the order of the run, and what is said in the end.

pytest loads this file in every process of a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.db.database import Database
from tests.storage.postgres import HOW_TO_GET_IT
from tests.web import needs

NEEDS = (("ON POSTGRESQL", HOW_TO_GET_IT), *(("IN A BROWSER", need) for need in needs.ALL))
"""What not every machine has, and what is said of it."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database in a file of its own; where more is needed of it, it is made there."""
    database = Database(f"sqlite:///{tmp_path / 'parley.sqlite'}")
    yield database
    database.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take longest first: with them at the end, all processes but one would have nothing left to do.

    What is tested in a browser may fail twice: on a busy machine a moment is missed there.
    """
    items.sort(key=lambda item: "conformance" not in item.path.parts)
    for item in items:
        if item.path.parent.name == "web":
            item.add_marker(pytest.mark.flaky(reruns=2))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tests that were skipped for want of what not every machine has, in red."""
    reasons = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    for what, need in NEEDS:
        if num_skipped := sum(need in reason for reason in reasons):
            terminalreporter.section(f"NOT TESTED {what}", sep="!", red=True, bold=True)
            terminalreporter.line(f"{num_skipped} tests were skipped. {need}.", red=True, bold=True)
