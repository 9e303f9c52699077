"""Who wants a model to be loaded: whoever runs the server, requests that wait for it, and requests that come back.

Knows times (seconds of a steady clock) and nothing of processes or sockets.
"""

from __future__ import annotations

COME_BACK_SECONDS = 120.0
"""How long a model is wanted by those who were told to come back."""


class Wishes:
    """The wishes for one model."""

    def __init__(self) -> None:
        self.is_kept = False
        """Somebody said that it is to be loaded, and nobody has said the opposite since."""
        self._waiting: set[object] = set()
        self._until: float | None = None

    @property
    def deadline(self) -> float | None:
        """When the last wish may end by itself."""
        return None if self.is_kept or self._waiting else self._until

    def are_any(self, now: float) -> bool:
        return self.is_kept or bool(self._waiting) or (self._until is not None and now < self._until)

    def add(self, who: object) -> None:
        """Somebody waits for the model."""
        self._waiting.add(who)

    def remove(self, who: object) -> None:
        """Somebody does not wait any more; harmless if they never did."""
        self._waiting.discard(who)

    def expect(self, now: float) -> None:
        """Somebody stops waiting, but will come back soon."""
        self._until = now + COME_BACK_SECONDS

    def clear(self) -> None:
        """Nobody wants it, whatever they wanted before."""
        self.is_kept = False
        self._waiting.clear()
        self._until = None
