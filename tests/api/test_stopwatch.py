"""An answer's times, and the speeds that follow from them."""

from __future__ import annotations

from server.answers.usage import Usage
from server.api.stopwatch import Stopwatch

USAGE = Usage(num_prompt_tokens=10, num_completion_tokens=4, num_cached_tokens=2)


def test_the_first_part_divides_the_time() -> None:
    clock = iter([100.0, 102.0, 106.0])
    stopwatch = Stopwatch(lambda: next(clock))
    stopwatch.see_part()
    stopwatch.see_part()
    timings = stopwatch.timings(USAGE)
    assert (timings.prompt_ms, timings.predicted_ms) == (2000, 4000)
    assert (timings.cache_n, timings.prompt_n, timings.predicted_n) == (2, 8, 4)
    assert (timings.prompt_per_second, timings.predicted_per_second) == (4, 1)
    assert (timings.prompt_per_token_ms, timings.predicted_per_token_ms) == (250, 1000)


def test_an_answer_without_parts_took_no_time_of_its_own() -> None:
    clock = iter([100.0, 102.0])
    timings = Stopwatch(lambda: next(clock)).timings(Usage(10, 0, 10))
    assert (timings.prompt_ms, timings.predicted_ms) == (2000, 0)
    assert (timings.prompt_per_token_ms, timings.predicted_per_second, timings.predicted_per_token_ms) == (0, 0, 0)
