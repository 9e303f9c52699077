"""Speculative decoding: which tokens to compute on the chance that they are what comes next.

Computing some tokens of a sequence in one pass costs less than computing them one by one, so guesses pay if enough of
them are right. Whether they are is watched all the time, also while nothing is computed with them; what a pass of so
many rows costs is learned from the steps. Where guessing does not pay, nothing is drafted.

Knows sequences and their tokens; it does not know how a guess is checked, which is the engine's work.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from server.engine.pass_cost import PassCost
from server.engine.prompt_lookup import PromptLookup
from server.engine.sequence import Sequence

SMOOTHING = 0.2
"""Weight of the newest token in the share of right guesses: copying comes and goes in stretches."""

FIRST_ACCEPTANCE = 0.5

MIN_GAIN = 0.1
"""How much faster a step must be by its expected tokens, so that noise decides nothing."""


@dataclass
class Guesses:
    """The guesses for one sequence, and how good they have been lately."""

    lookup: PromptLookup = field(default_factory=PromptLookup)
    tokens: list[int] = field(default_factory=list)
    start: int = 0
    """The position of the first guessed token."""
    acceptance: float = FIRST_ACCEPTANCE
    """Moving average of the share of tokens that were right, of those that followed right ones."""

    def renew(self, tokens: list[int], num_tokens: int) -> None:
        """See how good the last guess was, and guess what follows `tokens`."""
        for guessed, real in zip(self.tokens, tokens[self.start :], strict=False):
            self.acceptance += SMOOTHING * ((guessed == real) - self.acceptance)
            if guessed != real:
                break
        self.tokens = self.lookup.propose(tokens, num_tokens)
        self.start = len(tokens)

    def num_expected(self, num_drafted: int) -> float:
        """Tokens that a step brings with so many drafted ones, the one after the last right guess included."""
        return sum(self.acceptance**i for i in range(num_drafted + 1))


class Speculation:
    """Drafts for the sequences of one engine. With `max_draft_tokens` 0 there are none."""

    def __init__(self, max_draft_tokens: int, max_rows: int, passes: PassCost) -> None:
        self._lengths = [2**i - 1 for i in range(1, 10) if 2**i - 1 < max_draft_tokens]
        self._lengths += [max_draft_tokens] if max_draft_tokens else []
        self._max_rows = max_rows
        self._passes = passes
        self._guesses: dict[Sequence, Guesses] = {}

    def draft(self, sequences: list[Sequence]) -> dict[Sequence, list[int]]:
        """What to compute after the last token of some of `sequences`, all of which decode.

        All drafts of a step have the same length: llama.cpp computes sequences in one pass only as far as they are
        equally long.
        """
        if not self._lengths or not sequences:
            return {}
        for sequence in sequences:
            guesses = self._guesses.setdefault(sequence, Guesses())
            guesses.renew(sequence.tokens, max(0, min(self._lengths[-1], sequence.num_tokens_left - 1)))
        best, best_speed = (0, list[Sequence]()), self._speed(sequences, [], 0) * (1 + MIN_GAIN)
        for length in self._lengths:
            drafted = self._with_drafts_of(length, sequences)
            if drafted and (speed := self._speed(sequences, drafted, length)) > best_speed:
                best, best_speed = (length, drafted), speed
        length, drafted = best
        return {sequence: self._guesses[sequence].tokens[:length] for sequence in drafted}

    def forget(self, sequence: Sequence) -> None:
        self._guesses.pop(sequence, None)

    def _with_drafts_of(self, length: int, sequences: list[Sequence]) -> list[Sequence]:
        """Those whose guesses are that long, the best first, as many as there is room for."""
        able = [sequence for sequence in sequences if len(self._guesses[sequence].tokens) >= length]
        able.sort(key=lambda sequence: -self._guesses[sequence].acceptance)
        able = able[: max(0, self._max_rows - len(sequences)) // length]
        return [sequence for sequence in able if self._guesses[sequence].acceptance >= FIRST_ACCEPTANCE]

    def _speed(self, sequences: list[Sequence], drafted: list[Sequence], length: int) -> float:
        """Expected tokens a second, 0 while nothing is known of what passes cost."""
        num_plain = len(sequences) - len(drafted)
        seconds = self._seconds([num_plain, len(drafted) * (length + 1)])
        expected = num_plain + sum(self._guesses[sequence].num_expected(length) for sequence in drafted)
        return expected / seconds if seconds else 0.0

    def _seconds(self, passes: Iterable[int]) -> float:
        return sum(self._passes.seconds(num_rows) or 0.0 for num_rows in passes if num_rows)
