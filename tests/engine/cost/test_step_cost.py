"""Sizes of the chunks of prompts, on machines whose costs are made up."""

from __future__ import annotations

import pytest

from server.engine.cost.step_cost import (
    FIRST_PREFILL_TOKENS,
    MAX_DECODE_SHARE,
    MAX_GROWTH,
    MAX_LONG_STRETCH,
    MIN_PREFILL_TOKENS,
    StepCost,
)


def learned(max_step_seconds: float, decode_seconds: float, prefill_seconds: float) -> StepCost:
    """The costs learned from steps in which three sequences decode and chunks of a prompt are computed."""
    cost = StepCost(max_step_seconds, max_idle_step_seconds=0.5)
    for _ in range(50):
        cost.passes.learn([3], decode_seconds)
        num_prefill = int(cost.prompt_work(3))
        cost.learn_prefill(3, 1, num_prefill, num_prefill, decode_seconds + num_prefill * prefill_seconds)
    return cost


def test_the_first_chunk_is_small() -> None:
    assert StepCost(0.25, 0.5).prompt_work(0) == FIRST_PREFILL_TOKENS
    assert StepCost(0.25, 0.5, is_on_gpu=True).prompt_work(0) > FIRST_PREFILL_TOKENS


def test_what_a_gpu_computes_again_in_no_time_is_not_worth_saving() -> None:
    cpu, gpu = (StepCost(0.25, 0.5, is_on_gpu) for is_on_gpu in (False, True))
    assert cpu.is_worth_saving(1)
    for work in (16, 256, 64, 512) * 10:
        gpu.learn_prefill(0, 1, work, work, 0.004 + work * 16e-6)
    assert [gpu.is_worth_saving(num_tokens) for num_tokens in (200, 400)] == [False, True]


def test_a_step_takes_the_time_it_may() -> None:
    assert learned(0.25, 0.05, 0.002).prompt_work(3) == pytest.approx(100, rel=0.02)
    assert learned(0.1, 0.05, 0.002).prompt_work(3) == pytest.approx(25, rel=0.05)
    assert 240 <= learned(0.25, 0.05, 0.002).prompt_work(0) <= 270, "nobody waits for a token"
    assert learned(2.0, 0.05, 0.01).prompt_work(0) >= learned(2.0, 0.05, 0.01).prompt_work(3)


def test_the_steps_of_a_long_prompt_are_longer_where_decoding_takes_much_of_them() -> None:
    decode_seconds = 0.03
    step_seconds = decode_seconds / MAX_DECODE_SHARE
    assert 0.25 < step_seconds < MAX_LONG_STRETCH * 0.25
    fitting = (step_seconds - decode_seconds) / 0.002
    assert learned(0.25, decode_seconds, 0.002).long_prompt_work(3) == pytest.approx(fitting, rel=0.1)
    fitting = (MAX_LONG_STRETCH * 0.25 - 0.1) / 0.002
    assert learned(0.25, 0.1, 0.002).long_prompt_work(3) == pytest.approx(fitting, rel=0.1)
    quick = learned(0.25, 0.01, 0.002)
    assert quick.long_prompt_work(3) == quick.prompt_work(3)
    assert quick.long_prompt_work(0) == quick.prompt_work(0), "nobody waits for a token"


def test_prompts_get_on_where_decoding_alone_fills_the_step() -> None:
    assert learned(0.25, 0.4, 0.002).prompt_work(3) == pytest.approx(50, rel=0.05)
    assert learned(0.25, 0.4, 0.1).prompt_work(3) == MIN_PREFILL_TOKENS


def test_what_many_tokens_take_is_not_guessed_from_very_few() -> None:
    cost = StepCost(0.25, max_idle_step_seconds=0.5)
    cost.learn_prefill(0, 1, 20, 20, 0.02)
    assert cost.prompt_work(0) == MAX_GROWTH * 20
    cost.learn_prefill(0, 1, 80, 80, 0.08)
    assert cost.prompt_work(0) == MAX_GROWTH * 80
    for is_on_gpu in (False, True):
        cost = StepCost(0.25, 0.5, is_on_gpu)
        before = cost.prompt_work(0)
        cost.learn_prefill(0, 1, 5, 5, 0.001)
        assert cost.prompt_work(0) == before, "a short prompt does not make the next one slower"


def test_a_step_that_was_faster_than_decoding_alone_teaches_little() -> None:
    cost = learned(0.25, 0.2, 0.002)
    before = cost.prompt_work(3)
    cost.learn_prefill(3, 1, 25, 25, 0.19)
    assert before <= cost.prompt_work(3) < 2 * before


def test_a_row_more_than_was_ever_seen_costs_a_token_of_a_prompt() -> None:
    cost = learned(0.25, 0.05, 0.002)
    assert cost.decode_work(7) == pytest.approx(cost.decode_work(3) + 4, rel=0.01)
    assert cost.decode_work(2) == cost.decode_work(3), "nor is it known what fewer cost"
    new = StepCost(0.25, 0.5)
    for length in (20, 40, 80) * 10:
        new.learn_prefill(0, 1, length, length, 0.02 + 0.002 * length)
    assert new.decode_work(3) == pytest.approx(10 + 3, rel=0.05)


def test_what_decoding_costs_is_known_in_work() -> None:
    assert StepCost(0.25, 0.5).decode_work(3) == 0
    assert learned(0.25, 0.05, 0.002).decode_work(3) == pytest.approx(25, rel=0.1)


def test_a_context_that_grows_is_followed() -> None:
    cost = learned(0.25, 0.05, 0.001)
    for step in range(60):
        num_prefill = int(cost.prompt_work(3))
        seconds = 0.05 + num_prefill * (0.001 + 0.00002 * step)
        cost.learn_prefill(3, 1, num_prefill, num_prefill, seconds)
        assert seconds < 0.25 * 1.15
