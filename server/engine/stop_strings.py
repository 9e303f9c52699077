"""Stop strings in a text that comes in pieces: where the earliest one begins, and what may be the beginning of one.

They are about the answer, so where a request tells its thoughts apart, they do not count in these. It knows strings
only; what ends a generation besides a stop string is the caller's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from server.protocol.values import Thoughts


@dataclass(frozen=True)
class Seen:
    """How much of a text is decided: that many characters at its beginning may be shown."""

    num_chars: int
    is_stopped: bool = False
    """Whether a stop string begins behind them."""


class _State(Enum):
    BEFORE = auto()
    """Thoughts may begin here: white space, or a part of a marker."""
    INSIDE = auto()
    BEHIND = auto()
    """The white space behind thoughts that is nobody's."""
    OUTSIDE = auto()
    """Stop strings count."""


class StopStrings:
    """Looks through one completion."""

    def __init__(self, stop: Sequence[str], thoughts: Thoughts | None = None) -> None:
        self._stop = tuple(stop)
        self._thoughts = thoughts or Thoughts((), ())
        self._state = _State.BEFORE if thoughts else _State.OUTSIDE

    def look(self, text: str, is_last: bool = False) -> Seen:
        """What is decided of the text that is not shown yet; all of it if nothing comes after it.

        The next text begins with what was not decided of this one.
        """
        seen = Seen(0)
        state = None
        while state is not self._state:
            state = self._state
            step = self._step(text[seen.num_chars :], is_last)
            seen = Seen(seen.num_chars + step.num_chars, step.is_stopped)
        return Seen(len(text)) if is_last and not seen.is_stopped else seen

    def _step(self, text: str, is_last: bool) -> Seen:
        """What the present state says of the text; the next state looks at the rest."""
        match self._state:
            case _State.BEFORE:
                return self._begin(text, is_last)
            case _State.INSIDE:
                return self._think(text)
            case _State.BEHIND:
                self._state = _State.OUTSIDE if text.strip() else _State.BEHIND
                return Seen(len(text) - len(text.lstrip()))
            case _State.OUTSIDE:
                return self._answer(text, is_last)

    def _begin(self, text: str, is_last: bool) -> Seen:
        begun = text.lstrip()
        start = next((start for start in self._thoughts.starts if begun.startswith(start)), None)
        if start is not None:  # also where they are open: some models write the marker again
            self._state = _State.INSIDE
            return Seen(len(text) - len(begun) + len(start))
        if is_last or not any(start.startswith(begun) for start in self._thoughts.starts):
            self._state = _State.INSIDE if self._thoughts.are_open else _State.OUTSIDE
        return Seen(0)

    def _think(self, text: str) -> Seen:
        found = _first(text, self._thoughts.ends)
        if found is None:
            return Seen(len(text) - _num_chars_in_doubt(text, self._thoughts.ends))
        self._state = _State.OUTSIDE if self._thoughts.recur else _State.BEHIND
        return Seen(found[0] + len(found[1]))

    def _answer(self, text: str, is_last: bool) -> Seen:
        starts = self._thoughts.starts if self._thoughts.recur else ()
        stop, start = _first(text, self._stop), _first(text, starts)
        if start is not None and (stop is None or start[0] <= stop[0]):
            self._state = _State.INSIDE
            return Seen(start[0] + len(start[1]))
        may_start_at = len(text) - (0 if is_last else _num_chars_in_doubt(text, starts))
        if stop is not None and stop[0] < may_start_at:
            return Seen(stop[0], is_stopped=True)
        return Seen(min(may_start_at, len(text) - _num_chars_in_doubt(text, self._stop)))


def _first(text: str, markers: Sequence[str]) -> tuple[int, str] | None:
    """The marker that begins first in the text, behind its position; None if there is none."""
    found = [(at, marker) for marker in markers if (at := text.find(marker)) >= 0]
    return min(found, key=lambda each: each[0], default=None)


def _num_chars_in_doubt(text: str, markers: Sequence[str]) -> int:
    """Number of characters at the end of the text that may be the beginning of a marker."""
    longest = max(map(len, markers), default=1) - 1
    for length in range(min(longest, len(text)), 0, -1):
        if any(marker.startswith(text[-length:]) for marker in markers):
            return length
    return 0
