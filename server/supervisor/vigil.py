"""Whether an engine moves: when it has stood still for so long that people are told, and when it is given up.

An engine says again and again for how long its loop has stood still, so one that says nothing is counted as standing.
It knows times only, in seconds of a steady clock: no processes and no models.
"""

from __future__ import annotations

from typing import Literal

STALLED_SHARE = 0.25
"""Share of the time after which an engine is given up, from which on it counts as stalled."""

LATE_SECONDS = 5.0
"""Delay of a check from which it was the watcher that stood still, so that nothing is known of the engine."""

Judgement = Literal["moves", "stalled", "hangs"]


class Vigil:
    """Watches one engine from its first sign of life on."""

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._moved_at: float | None = None
        self._is_stalled = False

    @property
    def deadline(self) -> float | None:
        """When `check` has something new to say, if there is no sign of life before; None while nothing is watched."""
        if self._moved_at is None:
            return None
        return self._moved_at + self._timeout_seconds * (1.0 if self._is_stalled else STALLED_SHARE)

    def hear(self, standing_seconds: float, now: float) -> Judgement:
        """How it stands with an engine that lives at `now`, and whose loop has stood still for so long."""
        self._moved_at = now - standing_seconds
        return self._judge(now)

    def end(self) -> None:
        """There is nothing to watch any more."""
        self._moved_at = None
        self._is_stalled = False

    def check(self, now: float) -> Judgement:
        """How it stands with an engine that has said nothing until `now`."""
        if self.deadline is not None and now > self.deadline + LATE_SECONDS:
            self._moved_at = now
        return self._judge(now)

    def _judge(self, now: float) -> Judgement:
        standing_seconds = 0.0 if self._moved_at is None else now - self._moved_at
        self._is_stalled = standing_seconds >= self._timeout_seconds * STALLED_SHARE
        if standing_seconds >= self._timeout_seconds:
            return "hangs"
        return "stalled" if self._is_stalled else "moves"
