"""The time of moves, learned from moves."""

from __future__ import annotations

import pytest

from server.engine.kv.transfer import Transfer


def test_the_first_move_counts_in_full_and_later_ones_in_part() -> None:
    transfer = Transfer()
    assert transfer.seconds(100) == 0.0
    transfer.learn(100, 1.0)
    assert transfer.seconds(200) == pytest.approx(2.0)
    transfer.learn(100, 2.0)
    assert 2.0 < transfer.seconds(200) < 4.0
