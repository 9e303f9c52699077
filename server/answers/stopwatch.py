"""How long an answer takes, as a worker sees it. The engine only says how long it had to wait."""

from __future__ import annotations

import time
from collections.abc import Callable

from schemas.objects.timings import Timings, timings
from server.answers.usage import Usage


class Stopwatch:
    """Runs from a request on.

    request ... asked . (waiting for a slot) . prompt . first part ... end
    |------------------ first token -----------------|
    """

    def __init__(self, began_at: float | None = None, clock: Callable[[], float] = time.perf_counter) -> None:
        """`clock` counts seconds; `began_at` is its time when the request came, by default now."""
        self._clock = clock
        self._began_at = clock() if began_at is None else began_at
        self._asked_at = self._began_at
        self._first_part_at: float | None = None

    def ask(self) -> None:
        """The model is asked now. Who asks again had no answer before."""
        self._asked_at = self._clock()

    def see_part(self) -> None:
        """The first part of any choice is the end of the prompt's time."""
        if self._first_part_at is None:
            self._first_part_at = self._clock()

    def timings(self, usage: Usage) -> Timings:
        """The times of an answer that has just ended, however it did.

        Until the first part has come, nobody knows how much of the prompt has been computed.
        """
        ended_at = self._clock()
        first_part_at = ended_at if self._first_part_at is None else self._first_part_at
        has_parts = self._first_part_at is not None
        return timings(
            usage.num_cached_tokens,
            usage.num_prompt_tokens - usage.num_cached_tokens if has_parts else 0,
            max(0.0, first_part_at - self._asked_at - (usage.queue_seconds or 0.0)),
            usage.num_completion_tokens,
            ended_at - first_part_at,
            first_token_seconds=first_part_at - self._began_at if has_parts else None,
            queue_seconds=usage.queue_seconds,
        )
