"""Chooses tokens from the logits of a pass: one after the other, or, while a GPU would wait for it, on several threads.

On a CPU the threads of llama.cpp have all cores, and a pass takes a hundred times as long as this. Beside a GPU it is
the longest part of a step that is not the pass itself; numpy lets other threads run while it looks through a
vocabulary. Knows sequences, their grammars and samplers; it does not know text, or what becomes of a token.
"""

from __future__ import annotations

from collections.abc import Sequence as ReadOnlySequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import NamedTuple

from server.engine.affinity import run_anywhere
from server.engine.logprobs import Logprobs
from server.engine.messages import TokenLogprob
from server.engine.runner import Runner
from server.engine.sequence import Sequence

NUM_THREADS = 4

MIN_ROWS_PER_THREAD = 2
"""Waking a thread takes about as long as choosing a token."""


class Choice(NamedTuple):
    """A token, and its logprob if the request wants it."""

    token: int
    logprob: TokenLogprob | None


class TokenChooser:
    """Chooses the next tokens of sequences; it changes logits, and what their samplers remember."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._num_threads = NUM_THREADS if runner.is_on_gpu else 1
        self._pool = ThreadPoolExecutor(NUM_THREADS, "sampling", run_anywhere) if runner.is_on_gpu else None

    def choose_all(self, wanted: ReadOnlySequence[tuple[Sequence, int]]) -> list[Choice]:
        """One token for each of some sequences, from the row of the last pass that is named with it."""
        num_parts = min(self._num_threads, len(wanted) // MIN_ROWS_PER_THREAD)
        if self._pool is None or num_parts < 2:
            return [self.choose(sequence, row) for sequence, row in wanted]
        self._runner.logits(wanted[0][1])  # waits for the pass, which only one thread may do
        parts = [wanted[len(wanted) * i // num_parts : len(wanted) * (i + 1) // num_parts] for i in range(num_parts)]
        return list(chain.from_iterable(self._pool.map(self._choose_part, parts)))

    def choose(self, sequence: Sequence, row: int) -> Choice:
        """The token that follows what the sequence has."""
        num_top = sequence.request.num_top_logprobs
        logits = self._runner.logits(row)
        logprobs = Logprobs(logits) if num_top is not None else None
        if sequence.constraint is not None:
            sequence.constraint.apply(logits)
        token = sequence.sampler.sample(logits, row, sequence.tokens)
        if sequence.constraint is not None and not sequence.constraint.allows(token):
            token = int(logits.argmax())  # a draw may end on a token without any probability, by rounding
        return Choice(token, None if logprobs is None else self._logprob(logprobs, token, num_top or 0))

    def logprob(self, row: int, token: int, num_top: int) -> TokenLogprob:
        """What a row of the last pass says of a token, and the `num_top` likeliest. Must come before any choice."""
        return self._logprob(Logprobs(self._runner.logits(row)), token, num_top)

    def _choose_part(self, part: ReadOnlySequence[tuple[Sequence, int]]) -> list[Choice]:
        return [self.choose(sequence, row) for sequence, row in part]

    def _logprob(self, logprobs: Logprobs, token: int, num_top: int) -> TokenLogprob:
        top = [(other, self._runner.token_bytes(other), logprob) for other, logprob in logprobs.top(num_top)]
        return TokenLogprob(token, self._runner.token_bytes(token), logprobs.of(token), top)
