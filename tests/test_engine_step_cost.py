"""How large the chunks of prompts are, on machines whose costs are made up."""

from __future__ import annotations

from server.engine.step_cost import FIRST_PREFILL_TOKENS, MIN_PREFILL_TOKENS, StepCost


def learned(max_step_seconds: float, decode_seconds: float, prefill_seconds: float) -> StepCost:
    """After some steps in which three sequences decode, and somebody's prompt is computed."""
    cost = StepCost(max_step_seconds, max_idle_step_seconds=0.5, max_tokens=512)
    for _ in range(50):
        cost.passes.learn([3], decode_seconds)
        num_prefill = cost.max_prefill_tokens(3)
        cost.learn_prefill(3, num_prefill, decode_seconds + num_prefill * prefill_seconds)
    return cost


def test_the_first_chunk_is_small() -> None:
    assert StepCost(0.25, 0.5, 512).max_prefill_tokens(0) == FIRST_PREFILL_TOKENS


def test_a_step_takes_the_time_it_may() -> None:
    assert learned(0.25, 0.05, 0.002).max_prefill_tokens(3) in (99, 100)
    assert learned(0.1, 0.05, 0.002).max_prefill_tokens(3) in (24, 25)
    assert learned(0.25, 0.05, 0.002).max_prefill_tokens(0) in (249, 250), "nobody waits for a token"
    assert learned(2.0, 0.05, 0.01).max_prefill_tokens(0) in (199, 200), "no less than when somebody does"


def test_prompts_get_on_where_decoding_alone_fills_the_step() -> None:
    assert learned(0.25, 0.4, 0.002).max_prefill_tokens(3) in (49, 50)
    assert learned(0.25, 0.4, 0.1).max_prefill_tokens(3) == MIN_PREFILL_TOKENS


def test_a_batch_has_room_for_those_that_decode() -> None:
    assert learned(5.0, 0.001, 0.0001).max_prefill_tokens(3) == 509


def test_a_context_that_grows_is_followed() -> None:
    cost = learned(0.25, 0.05, 0.001)
    for step in range(60):
        num_prefill = cost.max_prefill_tokens(3)
        seconds = 0.05 + num_prefill * (0.001 + 0.00002 * step)
        cost.learn_prefill(3, num_prefill, seconds)
        assert seconds < 0.25 * 1.15
