"""Who tells of a turn: makes the wire's object and events of what happens to an answer.

    opening . take* . (finish | interrupt | cancel | fail)

A turn does not know what its events say; the Responses API's builder is one teller. Events have a `type` and a
`sequence_number`, which counts from 0 without a gap, and share no state with the teller.
"""

from __future__ import annotations

from typing import Any, Protocol

from server.answers.parts import End, OutputPart
from server.answers.usage import Usage
from server.errors.tree import ParleyError

WireEvent = dict[str, Any]
"""An event as it goes on the wire."""


class Teller(Protocol):
    """Tells of one turn. After its end there is nothing more to tell."""

    @property
    def body(self) -> dict[str, Any]:
        """The object that the turn makes, as it is now."""
        ...

    @property
    def items(self) -> list[dict[str, Any]]:
        """The items made so far; the last one may still grow."""
        ...

    @property
    def is_over(self) -> bool: ...

    def opening(self) -> list[WireEvent]:
        """The events before anything is computed."""
        ...

    def take(self, part: OutputPart) -> list[WireEvent]:
        """The model has made more."""
        ...

    def finish(self, end: End, usage: Usage, now: int) -> list[WireEvent]:
        """The model has come to an end, its own or that of its tokens.

        Here and below, `usage` is what was counted until then, and `now` is in seconds since the epoch.
        """
        ...

    def interrupt(self, usage: Usage, now: int) -> list[WireEvent]:
        """Nobody waits for more: the client has left."""
        ...

    def cancel(self, usage: Usage, now: int) -> list[WireEvent]:
        """The client has asked for the end."""
        ...

    def fail(self, error: ParleyError, usage: Usage, now: int) -> list[WireEvent]:
        """It cannot go on."""
        ...

    def unkept(self, error: ParleyError, sequence_number: int) -> WireEvent:
        """The event that is told in place of an end that could not be stored."""
        ...

    def is_open_ended(self, event: WireEvent) -> bool:
        """Whether an event promises nothing yet, so that it may be told before it is stored."""
        ...
