"""How commands of `parley` print moments and tables for people. Knows no users, keys or databases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

NEVER = "-"


def date(seconds: int | None) -> str:
    """A moment for people, in UTC, so that logs of several machines can be compared."""
    if seconds is None:
        return NEVER
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%MZ")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in (head, *rows))
