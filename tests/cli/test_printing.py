"""Moments and tables, as commands print them."""

from __future__ import annotations

from server.cli.printing import date, table


def test_a_moment_is_one_of_utc_and_may_be_missing() -> None:
    assert [date(4_102_444_800), date(None)] == ["2100-01-01 00:00Z", "-"]


def test_a_table_is_as_wide_as_its_widest_cells() -> None:
    assert table(("A", "BB"), [("aaa", "b"), ("a", "")]).splitlines() == ["A    BB", "aaa  b", "a"]
