"""Speculative decoding: which tokens to compute on the chance that they are what comes next.

Computing some tokens of a sequence in one pass costs less than computing them one by one, so guesses pay if enough of
them are right. The share of right guesses is watched, and the cost of a pass by its rows is learned from the steps.
Where guessing does not pay, nothing is drafted.

Knows sequences and their tokens. It does not know where guesses come from, nor how one is checked, which is the
engine's work.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from server.engine.cost.pass_cost import PassCost
from server.engine.sequence import Sequence

SMOOTHING = 0.2
"""Weight of the newest token in the share of right guesses; copying comes and goes in stretches."""

FIRST_ACCEPTANCE = 0.5
"""Share of right guesses assumed before any was watched; also the least share with which a sequence is drafted."""

MIN_GAIN = 0.1
"""Share by which the expected tokens a second must grow, so that noise decides nothing."""

TRIAL_LENGTH = 3
"""Guesses for each sequence in a step of a trial."""

TRIAL_STEPS = 4
"""Steps of a trial."""

FIRST_TRIAL_STEPS = 64
"""Steps without guesses after which costly ones are tried again; doubled after each trial in vain."""

MAX_TRIAL_STEPS = 4096
"""Most steps without guesses before the next trial."""


class Drafter(Protocol):
    """Source of guesses."""

    is_free: bool
    """Whether guesses take next to no time. Then they are made and watched at every step, computed with or not."""

    def propose(self, sequences: list[Sequence], num_tokens: int) -> dict[Sequence, list[int]]:
        """Guesses of the next `num_tokens` tokens of each sequence; a sequence for which there is none is left out."""
        ...

    def seconds(self, num_sequences: int, num_tokens: int) -> float:
        """Seconds that guesses of `num_tokens` tokens for each of `num_sequences` sequences take; 0 while unknown."""
        ...

    def forget(self, sequence: Sequence) -> None:
        """Drop what is kept for a sequence that is over."""
        ...


@dataclass
class Guesses:
    """The guesses for one sequence, and how good they have been lately."""

    tokens: list[int] = field(default_factory=list)
    start: int = 0
    """Position of the first guessed token."""
    acceptance: float = FIRST_ACCEPTANCE
    """Moving average of the share of right guesses, counted up to the first wrong one."""

    def watch(self, tokens: list[int]) -> None:
        """Learn how good the last guesses were from the sequence's `tokens`, and drop them."""
        for guessed, real in zip(self.tokens, tokens[self.start :], strict=False):
            self.acceptance += SMOOTHING * ((guessed == real) - self.acceptance)
            if guessed != real:
                break
        self.tokens, self.start = [], len(tokens)

    def num_expected(self, num_drafted: int) -> float:
        """Number of tokens that a step brings with `num_drafted` guesses: the right ones and the token behind them."""
        return sum(self.acceptance**i for i in range(num_drafted + 1))


class Speculation:
    """Drafts for the sequences of one engine. With `max_draft_tokens` 0 there are none."""

    def __init__(self, drafter: Drafter, max_draft_tokens: int, max_rows: int, passes: PassCost) -> None:
        self._drafter = drafter
        self._lengths = [2**i - 1 for i in range(1, 10) if 2**i - 1 < max_draft_tokens]
        self._lengths += [max_draft_tokens] if max_draft_tokens else []
        self._max_rows = max_rows
        self._passes = passes
        self._guesses: dict[Sequence, Guesses] = {}
        self._first_acceptance = FIRST_ACCEPTANCE
        self._num_idle_steps = 0
        self._num_trial_steps = 0
        self._trial_interval = FIRST_TRIAL_STEPS

    def draft(self, sequences: list[Sequence]) -> dict[Sequence, list[int]]:
        """Guesses to compute after the last token of some of `sequences`, all of which decode.

        All drafts of a step have one length: llama.cpp computes sequences in one pass only as far as they are equally
        long.
        """
        if not self._lengths or not sequences:
            return {}
        for sequence in sequences:
            self._guesses.setdefault(sequence, Guesses(acceptance=self._first_acceptance)).watch(sequence.tokens)
        if self._drafter.is_free:
            self._guess(sequences, self._lengths[-1])
        length, drafted = self._choose(sequences)
        if not self._drafter.is_free:
            length, drafted = self._with_trials(sequences, length, drafted)
            self._guess(drafted, length)
            drafted = [sequence for sequence in drafted if self._guesses[sequence].tokens]
            self._num_trial_steps += bool(drafted)
        return {sequence: self._guesses[sequence].tokens[:length] for sequence in drafted}

    def forget(self, sequence: Sequence) -> None:
        if guesses := self._guesses.pop(sequence, None):
            self._drafter.forget(sequence)
            if not self._drafter.is_free:  # a model guesses about as well for the next one
                self._first_acceptance += SMOOTHING * (guesses.acceptance - self._first_acceptance)

    def _guess(self, sequences: list[Sequence], length: int) -> None:
        if sequences and length:
            for sequence, tokens in self._drafter.propose(sequences, length).items():
                self._guesses[sequence].tokens = tokens

    def _choose(self, sequences: list[Sequence]) -> tuple[int, list[Sequence]]:
        """Length of the drafts, and the sequences that get them, by which the most tokens a second are expected."""
        best, best_speed = (0, list[Sequence]()), self._speed(sequences, [], 0) * (1 + MIN_GAIN)
        for length in self._lengths:
            drafted = [
                sequence
                for sequence in self._able(sequences, length)
                if self._guesses[sequence].acceptance >= FIRST_ACCEPTANCE
            ]
            if drafted and (speed := self._speed(sequences, drafted, length)) > best_speed:
                best, best_speed = (length, drafted), speed
        return best

    def _with_trials(
        self, sequences: list[Sequence], length: int, drafted: list[Sequence]
    ) -> tuple[int, list[Sequence]]:
        """The choice that was made, or now and then a trial if nothing was chosen, to see whether drafts pay by now."""
        if drafted:
            self._num_idle_steps = self._num_trial_steps = 0
            self._trial_interval = FIRST_TRIAL_STEPS
            return length, drafted
        self._num_idle_steps += 1
        if self._num_idle_steps < self._trial_interval:
            self._num_trial_steps = 0
            return 0, []
        if self._num_trial_steps == TRIAL_STEPS:
            self._num_idle_steps = self._num_trial_steps = 0
            self._trial_interval = min(2 * self._trial_interval, MAX_TRIAL_STEPS)
            return 0, []
        length = min(TRIAL_LENGTH, self._lengths[-1])
        return length, self._able(sequences, length)

    def _able(self, sequences: list[Sequence], length: int) -> list[Sequence]:
        """Sequences that can have drafts of that length, as many as there is room for, the best guessed first."""
        able = [
            sequence
            for sequence in sequences
            if sequence.num_tokens_left > length
            and (not self._drafter.is_free or len(self._guesses[sequence].tokens) >= length)
        ]
        able.sort(key=lambda sequence: -self._guesses[sequence].acceptance)
        return able[: max(0, self._max_rows - len(sequences)) // length]

    def _speed(self, sequences: list[Sequence], drafted: list[Sequence], length: int) -> float:
        """Expected tokens a second; 0 while nothing is known of what passes cost."""
        num_plain = len(sequences) - len(drafted)
        passes = [num_rows for num_rows in (num_plain, len(drafted) * (length + 1)) if num_rows]
        seconds = sum(self._passes.seconds(num_rows) or 0.0 for num_rows in passes)
        if drafted:
            seconds += self._drafter.seconds(len(drafted), length)
        expected = num_plain + sum(self._guesses[sequence].num_expected(length) for sequence in drafted)
        return expected / seconds if seconds else 0.0
