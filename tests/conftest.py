"""What the whole run says in the end. pytest loads this file in every process, also where tests run in several."""

from __future__ import annotations

import pytest

from tests.storage.postgres import HOW_TO_GET_IT


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tests that were skipped for want of PostgreSQL, in red."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if HOW_TO_GET_IT in str(report.longrepr)]
    if skipped:
        terminalreporter.section("NOT TESTED ON POSTGRESQL", sep="!", red=True, bold=True)
        terminalreporter.line(f"{len(skipped)} tests were skipped. {HOW_TO_GET_IT}.", red=True, bold=True)
