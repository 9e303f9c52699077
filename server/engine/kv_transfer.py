"""How long moving a saved state takes on this machine, learned from the moves themselves. Knows bytes and seconds."""

from __future__ import annotations

SMOOTHING = 0.2
"""Weight of the newest move in the moving average."""


class Transfer:
    """One way between two tiers."""

    def __init__(self) -> None:
        self._seconds_per_byte = 0.0
        self._is_known = False

    def learn(self, num_bytes: int, seconds: float) -> None:
        """Account for a move."""
        newest = seconds / max(1, num_bytes)
        self._seconds_per_byte += (newest - self._seconds_per_byte) * (SMOOTHING if self._is_known else 1.0)
        self._is_known = True

    def seconds(self, num_bytes: int) -> float:
        """How long a move should take; 0 while nothing is known."""
        return num_bytes * self._seconds_per_byte
