"""The cost of chunks of prompts, learned on machines that are made up."""

from __future__ import annotations

import random

import pytest

from server.engine.cost.chunk_cost import ChunkCost

LENGTHS = [32, 64, 40, 16, 128, 40, 64, 40, 40, 40]


def learned(per_pass: float, per_token: float, lengths: list[int], noise: float = 0.0) -> ChunkCost:
    generator, cost = random.Random(1), ChunkCost()
    for length in lengths:
        cost.learn(1, length, length, (per_pass + length * per_token) * generator.uniform(1 - noise, 1 + noise))
    return cost


def test_nothing_is_known_at_first() -> None:
    cost = ChunkCost()
    assert not cost.is_known
    assert (cost.seconds_per_token, cost.work_per_pass, cost.seconds(1, 100)) == (None, 0, 0.0)


@pytest.mark.parametrize(("per_pass", "per_token"), [(0.04, 0.007), (0.005, 0.004), (0.0, 0.001)])
def test_short_and_long_chunks_are_told_apart(per_pass: float, per_token: float) -> None:
    cost = learned(per_pass, per_token, LENGTHS * 3, noise=0.02)
    for length in (16, 40, 64, 128, 256):
        assert cost.seconds(1, length) == pytest.approx(per_pass + length * per_token, rel=0.12)


def test_where_all_chunks_are_alike_their_cost_is_known_best() -> None:
    cost = learned(0.04, 0.007, [40] * 60, noise=0.05)
    assert cost.seconds(1, 40) == pytest.approx(0.04 + 40 * 0.007, rel=0.05)
    assert cost.seconds(1, 60) == pytest.approx(0.04 + 60 * 0.007, rel=0.15)


def test_as_many_tokens_fit_as_take_the_time() -> None:
    cost = learned(0.04, 0.008, LENGTHS * 3)
    assert cost.work_in(cost.seconds(1, 100)) == pytest.approx(100)
    assert cost.work_per_pass == pytest.approx(5, rel=0.1)
    assert cost.work_in(0.0) == 0


def test_passes_are_paid_for() -> None:
    cost = ChunkCost()
    for num_passes in (1, 3, 2, 4, 1, 2) * 4:
        cost.learn(num_passes, 96, 96, num_passes * 0.05 + 96 * 0.007)
    assert cost.seconds(3, 96) - cost.seconds(1, 96) == pytest.approx(0.1, rel=0.05)


def test_a_step_that_stood_still_is_not_believed() -> None:
    cost = learned(0.04, 0.008, LENGTHS * 3)
    before = cost.seconds(1, 64)
    cost.learn(1, 64, 64, 60.0)
    assert cost.seconds(1, 64) < 1.3 * before


def test_a_machine_that_becomes_slower_is_followed() -> None:
    cost = learned(0.04, 0.008, LENGTHS * 3)
    for length in LENGTHS * 2:
        cost.learn(1, length, length, 2 * (0.04 + length * 0.008))
    assert cost.seconds(1, 64) == pytest.approx(2 * (0.04 + 64 * 0.008), rel=0.15)


def test_a_cost_is_never_negative() -> None:
    cost = ChunkCost()
    for length, seconds in ((16, 0.001), (512, 9.0), (16, 0.001), (64, 0.5), (256, 9.0)):
        cost.learn(1, length, length, seconds)
        assert cost.seconds(1, 0) >= 0
        assert (cost.seconds_per_token or 0) > 0
