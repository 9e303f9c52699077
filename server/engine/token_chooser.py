"""Chooses tokens from the logits of a pass.

Knows sequences, their grammars and samplers. It does not know text, or where tokens go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from server.engine.runner import Runner
from server.engine.sampling.candidates import Logits, Maxima
from server.engine.sampling.logit_scan import Wanted
from server.engine.sampling.logprobs import Logprobs
from server.engine.sequence import Sequence
from server.protocol.values import TokenLogprob


class ChosenToken(NamedTuple):
    """A token, and its logprob if the request wants it."""

    token: int
    logprob: TokenLogprob | None


@dataclass(slots=True)
class _Prepared:
    """Logits from which a token is about to be chosen, with what is known of them."""

    logits: Logits
    """Logits after mask, bias and penalties."""
    logprobs: Logprobs | None
    likeliest: int | None = None
    maxima: Maxima | None = None


class TokenChooser:
    """Chooses the next tokens of sequences. It changes logits, and the memory of the sequences' samplers."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._prepared: dict[int, _Prepared] = {}
        """Prepared logits by row of the last pass."""

    def prepare(self, rows: list[int], pending: dict[int, Sequence]) -> None:
        """Take note of a pass with logits in `rows`. Sequences are about to choose from the rows in `pending`.

        On a GPU, where computing is not this thread's work, all logits are looked at now, together.
        """
        self._prepared = {}
        if self._runner.is_on_gpu and len(pending) > 1:
            wanted = [_wanted(pending.get(row)) for row in rows]
            self._prepared = {row: self._prepare(sequence, row) for row, sequence in pending.items()}
            scanned = self._runner.scan(wanted)
            for row, of_row, token, maxima in zip(rows, wanted, scanned.likeliest, scanned.maxima, strict=True):
                if of_row is Wanted.LIKELIEST:
                    self._prepared[row].likeliest = token
                elif of_row is Wanted.MAXIMA:
                    self._prepared[row].maxima = maxima

    def choose(self, sequence: Sequence, row: int) -> ChosenToken:
        """The next token of the sequence, from a row of the last pass."""
        prepared = self._prepared.pop(row, None) or self._prepare(sequence, row)
        logits, logprobs = prepared.logits, prepared.logprobs
        token = prepared.likeliest
        if token is None:
            token = sequence.sampler.choose(logits, prepared.maxima)
        if sequence.constraint is not None and not sequence.constraint.allows(token):
            token = int(logits.argmax())  # a draw may end on a token without any probability, by rounding
        num_top = sequence.request.num_top_logprobs or 0
        return ChosenToken(token, None if logprobs is None else self._logprob(logprobs, token, num_top))

    def _prepare(self, sequence: Sequence, row: int) -> _Prepared:
        """Logits of a row after everything that comes before the choice."""
        logits = self._runner.logits(row)
        logprobs = None if sequence.request.num_top_logprobs is None else Logprobs(logits)
        if sequence.constraint is not None:
            sequence.constraint.apply(logits)
        sequence.sampler.adjust(logits, sequence.tokens)
        return _Prepared(logits, logprobs)

    def logprob(self, row: int, token: int, num_top: int) -> TokenLogprob:
        """Logprobs of a token and of the `num_top` likeliest in a row of the last pass from which nothing is chosen."""
        return self._logprob(Logprobs(self._runner.logits(row)), token, num_top)

    def _logprob(self, logprobs: Logprobs, token: int, num_top: int) -> TokenLogprob:
        top = [(other, self._runner.token_bytes(other), logprob) for other, logprob in logprobs.top(num_top)]
        return TokenLogprob(token, self._runner.token_bytes(token), logprobs.of(token), top)


def _wanted(sequence: Sequence | None) -> Wanted:
    if sequence is None:
        return Wanted.NOTHING
    return Wanted.LIKELIEST if sequence.sampler.is_greedy else Wanted.MAXIMA
