"""The part of the vocabulary that a grammar leaves to one sequence, token by token.

A constraint masks logits before the sampler sees them, and follows the tokens that were taken. Other threads work out
what may come after a token. That takes a tenth of a millisecond, or half a second in a grammar made for it, which then
costs nobody else. It does not know how grammars are compiled, what they are about or how tokens are sampled.
"""

from __future__ import annotations

import time
from concurrent import futures
from typing import Protocol

import numpy as np
import numpy.typing as npt
from llguidance import LLMatcher

from server.engine.affinity import run_anywhere
from server.engine.sampling.candidates import Logits

Mask = npt.NDArray[np.uint32]
"""Tokens that may come next: a bit per token, lowest first."""

NOT_ALLOWED = np.float32(-np.inf)

NUM_THREADS = 4
"""Threads that work out masks, for all sequences together."""

MAX_SECONDS = 0.2
"""Seconds of processor time for the mask behind one token. More would hold up the other sequences."""


class ConstraintError(Exception):
    """The grammar cannot be followed any further; the message says why, for the client."""


class Constraint:
    """The way of one sequence through a grammar.

    `matcher` is its own and stands at the grammar's beginning, where `first` is the mask.
    """

    def __init__(self, matcher: LLMatcher, first: Mask, n_vocab: int) -> None:
        self._matcher = matcher
        self._allowed = first.copy()
        self._n_vocab = n_vocab
        self._next: futures.Future[None] | None = None
        self.accepted_at = 0.0
        """Time at which the last token was accepted, in seconds of `time.monotonic`."""

    @property
    def is_complete(self) -> bool:
        """Whether nothing but the end can follow. Not to be asked while `is_awaited`."""
        return self._matcher.is_stopped()

    @property
    def is_awaited(self) -> bool:
        """Whether `wait` has yet to say that the next mask is there."""
        return self._next is not None

    def apply(self, logits: Logits) -> None:
        """Leave only the tokens that may come next, in place; EOG tokens are among them where the sentence may end.

        Not to be called while `is_awaited`.
        """
        assert self._next is None
        forbidden = np.unpackbits(~self._allowed.view(np.uint8), count=self._n_vocab, bitorder="little")
        np.copyto(logits, NOT_ALLOWED, where=forbidden.view(np.bool_))

    def allows(self, token: int) -> bool:
        """Whether `apply` left this token."""
        return bool(self._allowed[token >> 5] >> np.uint32(token & 31) & np.uint32(1))

    def accept(self, token: int) -> None:
        """Go on past `token`, which must be one that `apply` left. The next mask is awaited from now on."""
        self.accepted_at = time.monotonic()
        self._next = _threads.submit(self._advance, token)

    def wait(self, deadline: float) -> bool:
        """Whether the next mask is there, at `deadline` in seconds of `time.monotonic` at the latest.

        Raises:
            ConstraintError: if the grammar is too expensive here; the sequence cannot go on.
        """
        if self._next is not None:
            try:
                self._next.result(max(0.0, deadline - time.monotonic()))
            except futures.TimeoutError:
                return False
            self._next = None
        return True

    def _advance(self, token: int) -> None:
        started = time.thread_time()
        self._matcher.consume_token(token)
        if not self._matcher.is_error() and not self._matcher.is_stopped():
            fill(self._allowed, self._matcher)
        if self._matcher.is_error():
            raise ConstraintError(f"the grammar could not be followed any further: {self._matcher.get_error()}")
        if time.thread_time() - started > MAX_SECONDS:
            raise ConstraintError(
                f"the grammar could not be followed any further: a token takes more than {MAX_SECONDS:g} seconds"
            )


def empty_mask(n_vocab: int) -> Mask:
    """A mask of the size that llguidance fills."""
    return np.zeros((n_vocab + 31) // 32, dtype=np.uint32)


def fill(mask: Mask, matcher: LLMatcher) -> None:
    """Write into `mask` the tokens that may come next, EOG tokens included where the sentence may end.

    A failure shows in the matcher's `is_error`.
    """
    matcher.unsafe_compute_mask_ptr(mask.ctypes.data, mask.nbytes)


_threads = futures.ThreadPoolExecutor(NUM_THREADS, thread_name_prefix="constraint", initializer=run_anywhere)


class CompiledGrammar(Protocol):
    """A grammar that is known to be good; any number of sequences can follow it at once."""

    def constraint(self) -> Constraint:
        """A new constraint at the grammar's beginning."""
        ...
