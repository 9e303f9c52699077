"""Chooses tokens from the logits of a pass.

Knows sequences, their grammars and samplers; it does not know text, or what becomes of a token.
"""

from __future__ import annotations

from typing import NamedTuple

from server.engine.logprobs import Logprobs
from server.engine.messages import TokenLogprob
from server.engine.runner import Runner
from server.engine.sequence import Sequence


class ChosenToken(NamedTuple):
    """A token, and its logprob if the request wants it."""

    token: int
    logprob: TokenLogprob | None


class TokenChooser:
    """Chooses the next tokens of sequences; it changes logits, and what their samplers remember."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def choose(self, sequence: Sequence, row: int) -> ChosenToken:
        """The token that follows what the sequence has, from a row of the last pass."""
        num_top = sequence.request.num_top_logprobs
        logits = self._runner.logits(row)
        logprobs = Logprobs(logits) if num_top is not None else None
        if sequence.constraint is not None:
            sequence.constraint.apply(logits)
        token = sequence.sampler.sample(logits, row, sequence.tokens)
        if sequence.constraint is not None and not sequence.constraint.allows(token):
            token = int(logits.argmax())  # a draw may end on a token without any probability, by rounding
        return ChosenToken(token, None if logprobs is None else self._logprob(logprobs, token, num_top or 0))

    def logprob(self, row: int, token: int, num_top: int) -> TokenLogprob:
        """What a row of the last pass says of a token, and the `num_top` likeliest. Must come before any choice."""
        return self._logprob(Logprobs(self._runner.logits(row)), token, num_top)

    def _logprob(self, logprobs: Logprobs, token: int, num_top: int) -> TokenLogprob:
        top = [(other, self._runner.token_bytes(other), logprob) for other, logprob in logprobs.top(num_top)]
        return TokenLogprob(token, self._runner.token_bytes(token), logprobs.of(token), top)
