"""A model without weights: its next tokens are scripted, and its memory is checked at every step.

For the tests of scheduler, cache, sampler and engine. It does not fake llama.cpp's numbers, only its contract.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from server.engine.cost.attention import Attention
from server.engine.kv.cache import State
from server.engine.runner import DecodeError, Span
from server.engine.sampling.candidates import Logits
from server.engine.sampling.logit_scan import LogitRows, LogitScan, Scanned, Wanted
from server.engine.sampling.sampler import RepetitionRule, Sampler
from server.protocol.values import SamplingParams

N_VOCAB = 256
EOG = 0

Script = Callable[[list[int]], int]
"""The next token after all tokens of a slot."""


def count_up(tokens: list[int]) -> int:
    """1, 2, 3, ... 255, 1, ...: a script that never ends by itself."""
    return tokens[-1] % (N_VOCAB - 1) + 1


class FakeMemory:
    """A memory that holds each slot's tokens. With `can_trim` false it behaves like a recurrent model's.

    A saved state is four bytes a token.
    """

    def __init__(self, num_slots: int, can_trim: bool = True) -> None:
        self.slots: list[list[int]] = [[] for _ in range(num_slots)]
        self.can_trim = can_trim
        self.num_saves = 0
        self.num_restores = 0
        self.can_restore = True

    def can_keep(self, slot: int, length: int) -> bool:
        return self.can_trim or length == len(self.slots[slot])

    def save(self, slot: int) -> State:
        self.num_saves += 1
        return np.array(self.slots[slot], dtype=np.int32).view(np.uint8)

    def restore(self, slot: int, state: State) -> bool:
        self.num_restores += 1
        self.slots[slot] = state.view(np.int32).tolist() if self.can_restore else []
        return self.can_restore

    def trim(self, slot: int, length: int) -> bool:
        if self.can_trim:
            del self.slots[slot][length:]
        return self.can_trim

    def clear(self, slot: int) -> None:
        self.slots[slot] = []

    def length(self, slot: int) -> int:
        return len(self.slots[slot])


class FakeRunner:
    """A model that follows a script; implements `server.engine.runner.Runner`.

    Token ids are characters' code points; 0 ends a generation.
    """

    is_on_gpu = False

    def __init__(
        self,
        num_slots: int = 4,
        n_ctx: int = 64,
        script: Script = count_up,
        can_trim: bool = True,
        n_vocab: int = N_VOCAB,
    ) -> None:
        self.num_slots = num_slots
        self.n_ctx = n_ctx
        self.max_step_tokens = 32
        self.attention = Attention()
        self.max_step_logits = num_slots + 32
        self.memory = FakeMemory(num_slots, can_trim)
        self.steps: list[list[tuple[int, list[int]]]] = []
        """The slots in the batch of every step, with their tokens."""
        self.fails_in_steps: set[int] = set()
        self.num_samplers = 0
        self._script = script
        self._scan = LogitScan(2, self.max_step_logits, n_vocab)
        self._n_vocab = n_vocab
        self._tokens_by_row: dict[int, list[int]] = {}

    @property
    def num_computed_tokens(self) -> int:
        return sum(len(tokens) for step in self.steps for _, tokens in step)

    def decode(self, spans: Sequence[Span]) -> list[int]:
        self.steps.append([(span.slot_index, span.tokens) for span in spans])
        self._tokens_by_row = {}
        self.__dict__.pop("_logit_rows", None)
        row = -1
        for span in spans:
            slot = self.memory.slots[span.slot_index]
            assert span.start == len(slot), "positions must follow what the slot holds"
            assert span.tokens, "an empty span"
            slot += span.tokens
            assert len(slot) <= self.n_ctx, "more tokens than the context holds"
            row += len(span.tokens)
            for num_behind in reversed(range(span.num_padding, span.num_padding + span.num_logits)):
                self._tokens_by_row[row - num_behind] = slot[: len(slot) - num_behind]
        assert len(self._tokens_by_row) <= self.max_step_logits, "no room for so many logits"
        if len(self.steps) in self.fails_in_steps:
            raise DecodeError(-3)
        return list(self._tokens_by_row)

    def logits(self, row: int) -> Logits:
        logits: Logits = self._logit_rows[list(self._tokens_by_row).index(row)]
        return logits

    def scan(self, wanted: Sequence[Wanted]) -> Scanned:
        assert len(wanted) == len(self._tokens_by_row)
        return self._scan.scan(self._logit_rows, wanted)

    @cached_property
    def _logit_rows(self) -> LogitRows:
        rows = np.zeros((len(self._tokens_by_row), self._n_vocab), dtype=np.float32)
        for logits, tokens in zip(rows, self._tokens_by_row.values(), strict=True):
            logits[self._script(tokens)] = 10.0
        return rows

    def sampler(self, params: SamplingParams, ignore_eos: bool, dry_rule: RepetitionRule | None = None) -> Sampler:
        self.num_samplers += 1
        return Sampler(params, banned=[EOG] if ignore_eos else [])

    def token_bytes(self, token: int) -> bytes:
        return b"" if token == EOG else chr(token).encode()

    def is_eog(self, token: int) -> bool:
        return token == EOG
