"""The part of a model that the engine needs: a forward pass, logits, samplers and a few facts about tokens.

`llama.model.Model` is the real one; tests script another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from server.engine.cost.attention import Attention
from server.engine.kv.cache import Memory
from server.engine.sampling.candidates import Logits
from server.engine.sampling.logit_scan import Scanned, Wanted
from server.engine.sampling.sampler import RepetitionRule, Sampler
from server.protocol.values import SamplingParams


class Span(Protocol):
    """A run of one slot's tokens to compute, at positions [start, start + len(tokens))."""

    @property
    def slot_index(self) -> int: ...
    @property
    def tokens(self) -> list[int]: ...
    @property
    def start(self) -> int: ...
    @property
    def num_logits(self) -> int:
        """Number of its last tokens, without the padding, after which the logits are needed."""
        ...

    @property
    def num_padding(self) -> int:
        """Number of tokens at its end that are computed for nothing."""
        ...


class DecodeError(Exception):
    """A forward pass failed; then it is unknown what the slots in its batch hold. Carries `llama_decode`'s code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"llama_decode returned {code}")
        self.code = code


class Runner(Protocol):
    """A model with a context of `num_slots` sequences of up to `n_ctx` tokens each."""

    n_ctx: int
    num_slots: int
    max_step_tokens: int
    """Most tokens of one pass."""
    max_step_logits: int
    """Most rows of logits of one pass; at least one for every slot."""

    attention: Attention
    """The cost that attention adds to a prompt's tokens."""

    is_on_gpu: bool
    """Whether passes are computed beside this thread.

    Then `decode` only begins them, `logits` waits for their end, and any rows are fastest together.
    """

    @property
    def memory(self) -> Memory: ...

    def decode(self, spans: Sequence[Span]) -> list[int]:
        """Compute one forward pass. Returns the rows of the logits that the spans want, in the order of spans and
        tokens.

        Raises:
            DecodeError: if the pass failed.
        """
        ...

    def logits(self, row: int) -> Logits:
        """Logits of a row of the last pass, shape (n_vocab,); writable, and gone with the next pass."""
        ...

    def scan(self, wanted: Sequence[Wanted]) -> Scanned:
        """Look at all rows of the last pass at once, in the order in which `decode` returned them.

        This is worth it on a GPU. On a CPU the pass takes so long that each row may as well be looked at when a token
        is chosen.
        """
        ...

    def sampler(self, params: SamplingParams, ignore_eos: bool, dry_rule: RepetitionRule | None) -> Sampler: ...

    def token_bytes(self, token: int) -> bytes:
        """Bytes of a token's text; empty for control tokens, and not always whole characters."""
        ...

    def is_eog(self, token: int) -> bool:
        """Whether a token ends a generation."""
        ...
