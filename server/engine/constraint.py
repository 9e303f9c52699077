"""What a grammar leaves of the vocabulary to one sequence, token by token.

A constraint masks logits before the sampler sees them and follows the tokens that were taken. It does not know how
grammars are compiled, what they are about or how tokens are sampled.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from llguidance import LLMatcher

from server.engine.candidates import Logits

NOT_ALLOWED = np.float32(-np.inf)


class ConstraintError(Exception):
    """The grammar cannot be followed any further; the message says why, for the client."""


class Constraint:
    """One sequence's way through a grammar. `matcher` is its own and at the grammar's beginning."""

    def __init__(self, matcher: LLMatcher, n_vocab: int) -> None:
        self._matcher = matcher
        self._n_vocab = n_vocab
        self._allowed = np.zeros((n_vocab + 31) // 32, dtype=np.uint32)  # a bit per token, lowest first

    @property
    def is_complete(self) -> bool:
        """Whether nothing can follow any more but the end."""
        return self._matcher.is_stopped()

    def apply(self, logits: Logits) -> None:
        """Leave only the tokens that may come next, in place; EOG tokens are among them where the sentence may end.

        Raises:
            ConstraintError: if the grammar is too expensive here; the sequence cannot go on.
        """
        self._matcher.unsafe_compute_mask_ptr(self._allowed.ctypes.data, self._allowed.nbytes)
        self._check()
        forbidden = np.unpackbits(~self._allowed.view(np.uint8), count=self._n_vocab, bitorder="little")
        np.copyto(logits, NOT_ALLOWED, where=forbidden.view(np.bool_))

    def allows(self, token: int) -> bool:
        """Whether `apply` left this token."""
        return bool(self._allowed[token >> 5] >> np.uint32(token & 31) & np.uint32(1))

    def accept(self, token: int) -> None:
        """Go on past `token`, which must be one that `apply` left.

        Raises:
            ConstraintError: see there.
        """
        self._matcher.consume_token(token)
        self._check()

    def _check(self) -> None:
        if self._matcher.is_error():
            raise ConstraintError(f"the grammar could not be followed any further: {self._matcher.get_error()}")


class CompiledGrammar(Protocol):
    """A grammar that is known to be good; any number of sequences can follow it at once."""

    def constraint(self) -> Constraint:
        """A new one, at the grammar's beginning."""
        ...
