"""An answer's times, and the speeds that follow from them."""

from __future__ import annotations

from dataclasses import replace

from server.answers.stopwatch import Stopwatch
from server.answers.usage import Usage

USAGE = Usage(num_prompt_tokens=10, num_completion_tokens=4, num_cached_tokens=2)


def asked(*times: float) -> Stopwatch:
    """For a request that came at 99 and asked the model at the first of these times."""
    clock = iter(times)
    stopwatch = Stopwatch(99.0, lambda: next(clock))
    stopwatch.ask()
    return stopwatch


def test_the_first_part_divides_the_time() -> None:
    stopwatch = asked(100.0, 102.0, 106.0)
    stopwatch.see_part()
    stopwatch.see_part()
    timings = stopwatch.timings(USAGE)
    assert (timings.prompt_ms, timings.predicted_ms) == (2000, 4000)
    assert (timings.cache_n, timings.prompt_n, timings.predicted_n) == (2, 8, 4)
    assert (timings.prompt_per_second, timings.predicted_per_second) == (4, 1)
    assert (timings.prompt_per_token_ms, timings.predicted_per_token_ms) == (250, 1000)
    assert (timings.first_token_ms, timings.queue_ms) == (3000, None)


def test_waiting_for_a_slot_is_no_time_of_the_prompt() -> None:
    stopwatch = asked(100.0, 102.0, 106.0)
    stopwatch.see_part()
    timings = stopwatch.timings(replace(USAGE, queue_seconds=1.5))
    assert (timings.first_token_ms, timings.queue_ms, timings.prompt_ms) == (3000, 1500, 500)


def test_who_asks_again_waits_from_then_on() -> None:
    stopwatch = asked(100.0, 101.0, 102.0, 106.0)
    stopwatch.ask()
    stopwatch.see_part()
    timings = stopwatch.timings(USAGE)
    assert (timings.prompt_ms, timings.first_token_ms) == (1000, 3000)


def test_of_an_answer_without_parts_nobody_knows_how_much_of_its_prompt_was_computed() -> None:
    timings = asked(100.0, 102.0).timings(Usage(10, 0, 4))
    assert (timings.prompt_ms, timings.predicted_ms, timings.prompt_n) == (2000, 0, 0)
    assert (timings.prompt_per_token_ms, timings.predicted_per_second, timings.predicted_per_token_ms) == (0, 0, 0)
    assert timings.first_token_ms is None
