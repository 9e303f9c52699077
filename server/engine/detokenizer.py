"""Text from token bytes: never half a character, never any part of a stop string.

Knows bytes and strings only. Which token they came from, and what ends a generation besides a stop string, is the
caller's business.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Released:
    """New text that may be shown after a token, and the number of pushed tokens that it completes."""

    text: str
    num_tokens: int
    is_stopped: bool = False
    """Whether a stop string was found; then the text ends before it."""


class Detokenizer:
    """Turns the bytes of one completion into text, piece by piece.

    Bytes that are not UTF-8 become U+FFFD, but only once it is certain that no later byte completes them. An incomplete
    character at the end of the completion is left out, so that a text which is cut off is still a text. Text that may
    be the beginning of a stop string is held back until that is decided.
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self._stop = tuple(stop)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""
        self._num_released_chars = 0
        self._token_starts: list[int] = []  # where the text of each token that is held back starts, in characters

    def push(self, token_bytes: bytes) -> Released:
        """Add a token's bytes, and take the text that can be shown by now."""
        self._token_starts.append(self._num_released_chars + len(self._held))
        text = self._decoder.decode(token_bytes)
        if not self._stop:
            return self._release(self._held + text, held="")
        self._held += text
        stop_at = self._find_stop()
        if stop_at is not None:
            return self._release_stopped(stop_at)
        cut = len(self._held) - self._num_chars_in_doubt()
        return self._release(self._held[:cut], held=self._held[cut:])

    def flush(self) -> Released:
        """Take the text that was held back, since nothing more comes. A character that is still incomplete is left
        out."""
        self._decoder.reset()
        stop_at = self._find_stop()
        if stop_at is not None:
            return self._release_stopped(stop_at)
        text, self._held = self._held, ""
        num_tokens, self._token_starts = len(self._token_starts), []
        return Released(text, num_tokens)

    def _find_stop(self) -> int | None:
        """Position at which the earliest stop string starts in the held text; None if there is none."""
        starts = [at for stop in self._stop if (at := self._held.find(stop)) >= 0]
        return min(starts, default=None)

    def _num_chars_in_doubt(self) -> int:
        """Number of characters at the end of the held text that may be the beginning of a stop string."""
        longest = max(len(stop) for stop in self._stop) - 1
        for length in range(min(longest, len(self._held)), 0, -1):
            if any(stop.startswith(self._held[-length:]) for stop in self._stop):
                return length
        return 0

    def _release(self, text: str, held: str) -> Released:
        self._held = held
        self._num_released_chars += len(text)
        num_tokens = sum(start < self._num_released_chars for start in self._token_starts)
        del self._token_starts[:num_tokens]
        return Released(text, num_tokens)

    def _release_stopped(self, stop_at: int) -> Released:
        """Release everything before the stop string; tokens that start inside it or behind it are dropped."""
        released = self._release(self._held[:stop_at], held="")
        self._token_starts.clear()
        return Released(released.text, released.num_tokens, is_stopped=True)
