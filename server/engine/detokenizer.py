"""Text from token bytes: never half a character, never any part of a stop string.

Knows bytes and strings only. Which token they came from, and what ends a generation besides a stop string, is the
caller's business.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass

from server.engine.stop_strings import Seen, StopStrings
from server.protocol.values import Thoughts


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

    def __init__(self, stop: Sequence[str] = (), thoughts: Thoughts | None = None) -> None:
        """In `thoughts` stop strings do not count."""
        self._stop_strings = StopStrings(stop, thoughts) if stop else None
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""
        self._num_released_chars = 0
        self._token_starts: list[int] = []  # where the text of each token that is held back starts, in characters

    def push(self, token_bytes: bytes) -> Released:
        """Add a token's bytes, and take the text that can be shown by now."""
        self._token_starts.append(self._num_released_chars + len(self._held))
        text = self._decoder.decode(token_bytes)
        if not self._stop_strings:
            return self._release(self._held + text, held="")
        self._held += text
        seen = self._stop_strings.look(self._held)
        if seen.is_stopped:
            return self._release_stopped(seen)
        return self._release(self._held[: seen.num_chars], held=self._held[seen.num_chars :])

    def flush(self) -> Released:
        """Take the text that was held back, since nothing more comes. A character that is still incomplete is left
        out."""
        self._decoder.reset()
        if self._stop_strings and (seen := self._stop_strings.look(self._held, is_last=True)).is_stopped:
            return self._release_stopped(seen)
        text, self._held = self._held, ""
        num_tokens, self._token_starts = len(self._token_starts), []
        return Released(text, num_tokens)

    def _release(self, text: str, held: str) -> Released:
        self._held = held
        self._num_released_chars += len(text)
        num_tokens = sum(start < self._num_released_chars for start in self._token_starts)
        del self._token_starts[:num_tokens]
        return Released(text, num_tokens)

    def _release_stopped(self, seen: Seen) -> Released:
        """Release everything before the stop string; tokens that start inside it or behind it are dropped."""
        released = self._release(self._held[: seen.num_chars], held="")
        self._token_starts.clear()
        return Released(released.text, released.num_tokens, is_stopped=True)
