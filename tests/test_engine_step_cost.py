"""How large the chunks of prompts are, on machines whose costs are made up."""

from __future__ import annotations

import pytest

from server.engine.step_cost import FIRST_PREFILL_TOKENS, MIN_PREFILL_TOKENS, StepCost


def learned(max_step_seconds: float, decode_seconds: float, prefill_seconds: float) -> StepCost:
    """After some steps in which three sequences decode, and somebody's prompt is computed."""
    cost = StepCost(max_step_seconds, max_idle_step_seconds=0.5)
    for _ in range(50):
        cost.passes.learn([3], decode_seconds)
        num_prefill = int(cost.prompt_work(3))
        cost.learn_prefill(3, 1, num_prefill, num_prefill, decode_seconds + num_prefill * prefill_seconds)
    return cost


def test_the_first_chunk_is_small() -> None:
    assert StepCost(0.25, 0.5).prompt_work(0) == FIRST_PREFILL_TOKENS
    assert StepCost(0.25, 0.5, is_on_gpu=True).prompt_work(0) > FIRST_PREFILL_TOKENS


def test_a_step_takes_the_time_it_may() -> None:
    assert learned(0.25, 0.05, 0.002).prompt_work(3) == pytest.approx(100, rel=0.02)
    assert learned(0.1, 0.05, 0.002).prompt_work(3) == pytest.approx(25, rel=0.05)
    assert 240 <= learned(0.25, 0.05, 0.002).prompt_work(0) <= 270, "nobody waits for a token"
    assert learned(2.0, 0.05, 0.01).prompt_work(0) >= learned(2.0, 0.05, 0.01).prompt_work(3)


def test_prompts_get_on_where_decoding_alone_fills_the_step() -> None:
    assert learned(0.25, 0.4, 0.002).prompt_work(3) == pytest.approx(50, rel=0.05)
    assert learned(0.25, 0.4, 0.1).prompt_work(3) == MIN_PREFILL_TOKENS


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
