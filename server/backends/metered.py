"""The one end of every answer: whoever ends it, and however, it is accounted for once, with its usage.

It does not know what becomes of the accounts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from server.answers.answer import Answer, Batch, ClientLeft, CompletionAnswer
from server.answers.backend import Vectors
from server.answers.usage import Usage

Outcome = Literal["finished", "left", "failed", "closed"]
"""How an answer ended: by itself, since its client left, by an error, or given up by who had asked for it."""


@dataclass(frozen=True)
class Account:
    """What one answer took."""

    usage: Usage
    outcome: Outcome
    seconds: float
    """From its start to its end."""
    first_part_seconds: float | None
    """From its start to the first part; None if there was none."""


def metered_vectors(embed: Callable[[], Vectors], on_end: Callable[[Account], None]) -> Vectors:
    """What `embed` makes, with an account of it; one that is refused has none."""
    started_at = time.monotonic()
    vectors = embed()
    on_end(Account(Usage(vectors.num_tokens, 0, 0), "finished", time.monotonic() - started_at, None))
    return vectors


class Metered:
    """Implements `Answer` over another one, of which it tells `on_end` once. One that never ran has no account."""

    def __init__(self, answer: Answer, on_end: Callable[[Account], None]) -> None:
        self._answer = answer
        self._on_end = on_end
        self._started_at: float | None = None
        self._first_part_at: float | None = None
        self._has_ended = False
        self.rest = answer.rest
        self.abandon = answer.abandon
        self.hang_up = answer.hang_up

    @property
    def num_choices(self) -> int:
        return self._answer.num_choices

    @property
    def usage(self) -> Usage:
        return self._answer.usage

    def start(self) -> None:
        self._answer.start()
        self._started_at = time.monotonic()

    def batches(self, silence_seconds: float | None = None) -> Iterator[Batch]:
        try:
            for batch in self._answer.batches(silence_seconds):
                if batch and self._first_part_at is None:
                    self._first_part_at = time.monotonic()
                yield batch
        except GeneratorExit:
            raise
        except ClientLeft:
            self._end("left")
            raise
        except BaseException:
            self._end("failed")
            raise
        self._end("finished")

    def close(self) -> None:
        self._answer.close()
        self._end("closed")

    def _end(self, outcome: Outcome) -> None:
        if self._started_at is None or self._has_ended:
            return
        self._has_ended = True
        first = None if self._first_part_at is None else self._first_part_at - self._started_at
        self._on_end(Account(self.usage, outcome, time.monotonic() - self._started_at, first))


class MeteredCompletion(Metered):
    """Implements `CompletionAnswer` in the way of `Metered`."""

    def __init__(self, answer: CompletionAnswer, on_end: Callable[[Account], None]) -> None:
        super().__init__(answer, on_end)
        self._completion = answer

    @property
    def prompt_texts(self) -> list[str]:
        return self._completion.prompt_texts

    @property
    def prompt_starts(self) -> list[tuple[int, bytes]]:
        return self._completion.prompt_starts
