"""The time that moving a saved state takes on this machine, learned from the moves themselves.

Knows seconds and amounts, in bytes or tokens as its user likes; it does not know between which tiers they move.
"""

from __future__ import annotations

SMOOTHING = 0.2
"""Weight of the newest move in the moving average."""


class Transfer:
    """Moves in one direction between two tiers."""

    def __init__(self) -> None:
        self._seconds_per_unit = 0.0
        self._is_known = False

    def learn(self, amount: int, seconds: float) -> None:
        """Account for a move."""
        newest = seconds / max(1, amount)
        self._seconds_per_unit += (newest - self._seconds_per_unit) * (SMOOTHING if self._is_known else 1.0)
        self._is_known = True

    def seconds(self, amount: int) -> float:
        """Seconds that a move of this amount should take; 0 while nothing is known."""
        return amount * self._seconds_per_unit
