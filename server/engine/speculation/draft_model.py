"""Guesses of a small model for a large one that has the same vocabulary.

The small model reads the text of the large one in a context of its own, and continues it greedily. It does not know
whether its guesses are right. Where it sees that they were not, it takes back what it had computed of them.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Protocol

from server.engine.cost.pass_cost import PassCost
from server.engine.kv.cache import KVCache, Slot
from server.engine.kv.prefix_index import common_prefix_length
from server.engine.passes import in_fastest_passes
from server.engine.runner import DecodeError, Runner
from server.engine.sequence import Sequence

logger = logging.getLogger(__name__)

MAX_READ_TOKENS = 64
"""Most tokens that the small model reads in one step, so that a long prompt holds nobody up."""

MAX_EXTRA_TOKENS = 128
"""Most tokens by which vocabularies may differ at the end, as in llama.cpp: makers pad them differently."""


class WordList(Protocol):
    """The part of a vocabulary that is compared."""

    num_tokens: int

    def spelling(self, token: int) -> str: ...


class VocabularyMismatch(Exception):
    """The models do not share a vocabulary; the message says where they differ."""


def check_same_vocabulary(model: WordList, draft: WordList) -> None:
    """Compare the spellings of all tokens that both vocabularies have.

    Raises:
        VocabularyMismatch: naming the first difference.
    """
    if abs(model.num_tokens - draft.num_tokens) > MAX_EXTRA_TOKENS:
        raise VocabularyMismatch(f"the model has {model.num_tokens} tokens, the draft model {draft.num_tokens}")
    for token in range(min(model.num_tokens, draft.num_tokens)):
        spellings = model.spelling(token), draft.spelling(token)
        if spellings[0] != spellings[1]:
            raise VocabularyMismatch(
                f"token {token} is {spellings[0]!r} to the model, but {spellings[1]!r} to the draft model"
            )


@dataclass(frozen=True)
class _Span:
    slot: Slot
    slot_index: int
    tokens: list[int]
    start: int
    num_logits: int
    num_padding: int = 0


class DraftModel:
    """Guesses by a small model; implements `speculation.Drafter`.

    `runner` must have as many slots and as long a context as the large model's. `num_tokens` is the size of the large
    model's vocabulary.
    """

    is_free = False

    def __init__(self, runner: Runner, num_tokens: int) -> None:
        self._runner = runner
        self._num_tokens = num_tokens
        self._kv_cache = KVCache(runner.memory, runner.num_slots)
        self._slots: dict[Sequence, Slot] = {}
        self._cost = PassCost(may_split=not runner.is_on_gpu)
        self._has_failed = False

    def propose(self, sequences: list[Sequence], num_tokens: int) -> dict[Sequence, list[int]]:
        """Guesses for the sequences that are read to their end; see `Drafter.propose`.

        A sequence with more tokens left to read than one step allows is left out.
        """
        if self._has_failed:
            return {}
        for sequence in sequences:
            self._find_slot(sequence)
        try:
            guesses = self._read(sequences)
            for _ in range(num_tokens - 1):
                self._go_on(guesses)
        except DecodeError as error:
            logger.error("the draft model failed and is not asked again: %s", error)
            self._has_failed = True
            return {}
        return guesses

    def seconds(self, num_sequences: int, num_tokens: int) -> float:
        return num_tokens * (self._cost.seconds(num_sequences) or 0.0)

    def forget(self, sequence: Sequence) -> None:
        if slot := self._slots.pop(sequence, None):
            slot.is_busy = False

    def _find_slot(self, sequence: Sequence) -> None:
        """Give the sequence a slot that holds only a proper prefix of its tokens, since the last token is always
        read."""
        if sequence not in self._slots:
            free = self._kv_cache.free_slots
            slot = max(free, key=lambda slot: common_prefix_length(slot.tokens, sequence.tokens))
            slot.is_busy = True
            self._slots[sequence] = slot
        slot = self._slots[sequence]
        num_right = min(common_prefix_length(slot.tokens, sequence.tokens), len(sequence.tokens) - 1)
        self._kv_cache.trim(slot, num_right)

    def _read(self, sequences: list[Sequence]) -> dict[Sequence, list[int]]:
        """Read in one pass what is new. Returns the first guess for each sequence that is read to its end."""
        spans: list[_Span] = []
        readers: dict[Slot, Sequence] = {}
        room = MAX_READ_TOKENS
        for sequence in sequences:
            slot = self._slots[sequence]
            new = sequence.tokens[len(slot.tokens) :]
            is_whole = len(new) <= room
            tokens = new[:room]
            room -= len(tokens)
            if tokens:
                spans.append(_Span(slot, slot.index, tokens, len(slot.tokens), int(is_whole)))
            if is_whole:
                readers[slot] = sequence
        return {readers[slot]: [token] for slot, token in self._decode(spans)}

    def _go_on(self, guesses: dict[Sequence, list[int]]) -> None:
        """Append one more guess for each sequence."""
        by_slot = {self._slots[sequence]: tokens for sequence, tokens in guesses.items()}
        spans = [_Span(slot, slot.index, tokens[-1:], len(slot.tokens), 1) for slot, tokens in by_slot.items()]
        for slot, token in self._decode(in_fastest_passes(spans, self._cost)):
            by_slot[slot].append(token)

    def _decode(self, spans: list[_Span]) -> list[tuple[Slot, int]]:
        if not spans:
            return []
        started = time.perf_counter()
        rows = self._runner.decode(spans)
        for span in spans:
            self._kv_cache.append(span.slot, span.tokens)
        wanted = [span.slot for span in spans if span.num_logits]
        tokens = [int(self._runner.logits(row)[: self._num_tokens].argmax()) for row in rows]
        if all(len(span.tokens) == 1 for span in spans):
            self._cost.learn([len(spans)], time.perf_counter() - started)
        return list(zip(wanted, tokens, strict=True))
