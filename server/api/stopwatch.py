"""How long an answer takes, as a worker sees it. It does not know the engine's own times."""

from __future__ import annotations

import time
from collections.abc import Callable

from schemas.objects.timings import Timings, timings
from server.answers.usage import Usage


class Stopwatch:
    """Runs from the moment at which an answer has its place in the queue: waiting counts as the prompt's time."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """`clock` counts seconds."""
        self._clock = clock
        self._started_at = clock()
        self._first_part_at: float | None = None

    def see_part(self) -> None:
        """The first part of any choice is the end of the prompt's time."""
        if self._first_part_at is None:
            self._first_part_at = self._clock()

    def timings(self, usage: Usage) -> Timings:
        """The times of an answer that has just ended."""
        ended_at = self._clock()
        first_part_at = ended_at if self._first_part_at is None else self._first_part_at
        return timings(
            usage.num_cached_tokens,
            usage.num_prompt_tokens - usage.num_cached_tokens,
            first_part_at - self._started_at,
            usage.num_completion_tokens,
            ended_at - first_part_at,
        )
